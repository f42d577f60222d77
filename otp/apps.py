"""One-time codes by SMS: the app and its set-up checks."""

from django.apps import AppConfig


class OtpConfig(AppConfig):
    name = "otp"
    verbose_name = "Mã xác thực"

    def ready(self) -> None:
        from otp import checks  # noqa: F401  (registers the checks)
