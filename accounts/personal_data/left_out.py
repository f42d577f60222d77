"""What is stored about a person and not told to them, each column with its reason."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_SECRETS = (
    "accounts.Account.password",
    "accounts.ActivationSlip.pepper_id",
    "accounts.AppPassword.digest",
    "accounts.AppPassword.encoded",
    "accounts.DailyHelp.word_key",
    "accounts.Device.token_name",
    "accounts.Passkey.credential_id",
    "accounts.Passkey.public_key",
    "accounts.Session.session_key",
    "accounts.Session.former_key",
    *(
        f"accounts.WebmailLogin.{field}"
        for field in ("access_digest", "challenge", "former_digest", "nonce")
    ),
    "otp.Code.browser_key",
    "otp.Code.pepper_id",
    "otp_static.StaticToken.token",
    "otp_totp.TOTPDevice.key",
)
_KEYED_NAMES = (
    "accounts.AddressQuarantine.local_key",
    "accounts.AuditEvent.address_key",
    "accounts.HookMessage.address_key",
    "otp.Code.address_key",
    "otp.DeadNumberDay.phone_key",
    "otp.Message.address_key",
    "otp.Message.phone_key",
    "otp.Meter.key",
)
_UNTIL_SENT = (
    "accounts.HookMessage.data",
    "accounts.PhoneProposal.phone",
    "otp.Message.subject",
    "otp.Message.text",
    "otp.Message.to",
)
_OF_STAFF = (
    "accounts.AuditEvent.detail",
    "accounts.Campaign.created_by",
    "accounts.Campaign.lock_approved_by",
    "accounts.Campaign.started_by",
    "accounts.PhoneCampaign.created_by",
    "accounts.PhoneCampaign.started_by",
    "accounts.Removal.decided_by",
    "accounts.Removal.proposed_by",
    "admin.LogEntry.action_flag",
    "admin.LogEntry.action_time",
    "admin.LogEntry.change_message",
    "admin.LogEntry.content_type",
    "admin.LogEntry.object_id",
    "admin.LogEntry.object_repr",
    "admin.LogEntry.user",
)
_OF_MANY = (
    *(
        f"accounts.Job.{field}"
        for field in (
            *("accounts", "actor", "changed", "changed_at", "client", "confirmed", "created_at"),
            *("done", "faults", "file", "kind", "options", "request_id", "result", "returned"),
            *("seen", "state", "total", "tries"),
        )
    ),
    *(
        f"accounts.Campaign.{field}"
        for field in (
            *("basis", "created_at", "ended_at", "first_day", "lock_approved_at", "name"),
            *("started_at", "state", "units"),
        )
    ),
    *(
        f"accounts.PhoneCampaign.{field}"
        for field in (
            *("asked_first_from", "basis", "created_at", "ended_at", "kinds", "name"),
            *("older_than", "postponements", "reminder_days", "started_at", "state", "units"),
        )
    ),
    *(f"accounts.Removal.{field}" for field in ("decided_at", "proposed_at", "state", "why")),
)
_TECHNICAL = (
    "accounts.Account.id",
    "accounts.Account.user_permissions",
    "accounts.Account.words",
    "accounts.ActivationSlip.id",
    "accounts.Address.id",
    "accounts.AddressQuarantine.domain",
    "accounts.AddressQuarantine.id",
    "accounts.AddressQuarantine.until",
    "accounts.AppPassword.id",
    "accounts.AuditEvent.id",
    "accounts.AuditEvent.salt",
    "accounts.AuditEvent.seal",
    "accounts.Campaign.id",
    "accounts.CampaignMember.id",
    "accounts.CampaignMember.mail",
    "accounts.CampaignMember.sms",
    "accounts.Custody.id",
    "accounts.DailyHelp.id",
    "accounts.DataRequest.id",
    "accounts.Departure.id",
    "accounts.Device.id",
    "accounts.MailLogin.id",
    "accounts.WebmailLogin.turn",
    "accounts.WebmailLogin.uid",
    "accounts.Job.id",
    "accounts.PhoneCampaign.id",
    "accounts.PhoneExcuse.id",
    "accounts.PhoneMember.id",
    "accounts.PhoneMember.mail",
    "accounts.FactorProposal.id",
    *(
        f"accounts.Passkey.{field}"
        for field in (
            *("confirmed", "id", "sign_count", "throttling_failure_count"),
            *("throttling_failure_timestamp", "transports"),
        )
    ),
    "accounts.PhoneProposal.id",
    "accounts.Removal.id",
    "accounts.RemovalMember.id",
    "accounts.RemovalMember.unit",
    "accounts.RemovalMember.was_active",
    "accounts.HookMessage.due_at",
    "accounts.HookMessage.id",
    "accounts.HookMessage.outcome",
    "accounts.HookMessage.uid",
    "accounts.RemovalMember.was_locked",
    "accounts.Session.former_data",
    "accounts.Session.former_until",
    "admin.LogEntry.id",
    "otp.Code.gap_until",
    "otp.Code.id",
    "otp.Code.local_day",
    "otp.DeadNumberDay.id",
    "otp.Message.code",
    "otp.Message.gateway_id",
    "otp.Message.id",
    "otp.Message.ways",
    "otp.Message.receipt_due_at",
    *(
        f"otp.SupplierTokens.{field}"
        for field in ("supplier", "sealed", "ends_at", "leased_until", "refused_at")
    ),
    "otp.Meter.charged_at",
    "otp.Meter.count",
    "otp.Meter.until",
    "otp_static.StaticDevice.id",
    "otp_static.StaticDevice.throttling_failure_count",
    "otp_static.StaticDevice.throttling_failure_timestamp",
    "otp_static.StaticToken.device",
    "otp_static.StaticToken.id",
    *(
        f"otp_totp.TOTPDevice.{field}"
        for field in (
            *("digits", "drift", "id", "last_t", "step", "t0", "throttling_failure_count"),
            *("throttling_failure_timestamp", "tolerance"),
        )
    ),
)

# The reasons are told on the page and in the file.
LEFT_OUT: dict[str | Promise, tuple[str, ...]] = {
    _(
        "Mật khẩu, mã và các khóa: ai đọc được thì mở được tài khoản, hoặc chúng chỉ được lưu ở"
        " dạng không đọc lại được."
    ): _SECRETS,
    _(
        "Mã băm một chiều của địa chỉ và số điện thoại, dùng để tìm đúng dòng; không đọc ngược"
        " lại được."
    ): _KEYED_NAMES,
    _(
        "Số điện thoại đầy đủ, nội dung tin nhắn đang chờ gửi: bị xóa ngay khi gửi xong. Số điện"
        " thoại của bạn được nêu bằng những chữ số cuối."
    ): _UNTIL_SENT,
    _(
        "Nội dung cán bộ ghi trong nhật ký và tên của cán bộ: có thể nói về người khác. Việc nào đã"
        " làm, lúc nào, do vai trò nào thì đều có trong tệp."
    ): _OF_STAFF,
    _("Tài liệu của những việc làm cho nhiều người cùng lúc: phần về bạn nằm ở các mục của bạn."): (
        _OF_MANY
    ),
    _("Số thứ tự và số liệu kỹ thuật, không nói thêm điều gì về bạn."): _TECHNICAL,
}
