"""The ways by which a code goes to a number, in the office's order, and how each is set up."""

from dataclasses import dataclass, field

from django.core.exceptions import ImproperlyConfigured
from environs import Env

SMS, ZNS, VOICE = "sms", "zns", "voice"
KNOWN = (SMS, ZNS, VOICE)


@dataclass(frozen=True, kw_only=True)
class Zalo:
    """The office's application at Zalo, and the template that carries a code."""

    app_id: str = ""
    secret_key: str = field(default="", repr=False)  # with which tokens are renewed
    event_key: str = field(default="", repr=False)  # with which Zalo signs what it reports
    template_id: str = ""
    code_field: str = "otp"  # of the template
    api_base: str = ""
    oauth_base: str = ""


@dataclass(frozen=True, kw_only=True)
class CodeWays:
    """The order of the ways; SMS ends it, and what stands behind SMS is only for who chose it."""

    order: tuple[str, ...] = (SMS,)
    zalo: Zalo = Zalo()
    voice_from: str = ""  # the number that calls

    @property
    def are_several(self) -> bool:
        """Whether people may choose among them."""
        return len(self.order) > 1

    @property
    def tried(self) -> list[str]:
        """Give the ways that are tried one after the other, SMS the last."""
        return list(self.order[: self.order.index(SMS) + 1])


def load(env: Env) -> CodeWays:
    """Read the variables of the ways. Raises ImproperlyConfigured, which names the one to mend."""
    order = tuple(each.strip() for each in env.str("CODE_WAYS", SMS).split(","))
    if SMS not in order or len(set(order)) < len(order) or not set(order) <= set(KNOWN):
        raise ImproperlyConfigured(
            f"CODE_WAYS must name sms, and may name {ZNS} and {VOICE}, each once, with commas"
            " between."
        )
    return CodeWays(
        order=order,
        zalo=Zalo(
            app_id=env.str("ZNS_APP_ID", ""),
            secret_key=env.str("ZNS_SECRET_KEY", ""),
            event_key=env.str("ZNS_EVENT_KEY", ""),
            template_id=env.str("ZNS_TEMPLATE_ID", ""),
            code_field=env.str("ZNS_CODE_FIELD", "otp"),
            api_base=env.str("ZNS_API_BASE", ""),
            oauth_base=env.str("ZNS_OAUTH_BASE", ""),
        ),
        voice_from=env.str("TWILIO_VOICE_FROM", ""),
    )
