"""How an account stands, for the hotline: one sentence to read out, and the facts behind it."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.access import mail_logins
from accounts.access.login import FAILURES
from accounts.audit import history
from accounts.audit.history import Entry, History
from accounts.credentials import factor_proposals, phone_proposals
from accounts.models import (
    Account,
    AuditEvent,
    DailyHelp,
    Departure,
    FactorProposal,
    MailLogin,
    PhoneProposal,
    Session,
)
from otp import office, outbox, phones
from otp.codes import NUMBER_CAP, STREAK, status
from otp.codes.status import CodeStatus
from otp.counting import ceilings, limits
from otp.models import GAP, OFFICE_ZONE, Purpose
from otp.sentences import duration


@dataclass(frozen=True)
class Overview:
    """What staff see of an address; `account` is None where nobody has it."""

    address: str
    account: Account | None
    codes: CodeStatus
    phone_codes: CodeStatus
    last_reset: dt.datetime | None
    sessions: int
    extra_today: bool  # given and used
    extra_given_at: dt.datetime | None  # where it can still be asked for
    proposal: PhoneProposal | None
    factor_proposal: FactorProposal | None
    departure: Departure | None  # that stands, whether or not its day is over
    history: History
    mail_logins: list[MailLogin] | None  # None: the mail server tells of none

    @property
    def events(self) -> list[Entry]:
        return self.history.entries

    @property
    def phone(self) -> str:
        return phones.masked_for_staff(self.account.phone) if self.account else ""

    @property
    def new_phone(self) -> str:
        return phones.masked_for_staff(self.account.new_phone) if self.account else ""

    @property
    def is_in_use(self) -> bool:
        """Whether somebody has the address, and it is not closed; it may be locked."""
        return bool(self.account and self.account.is_active)

    @property
    def may_log_in(self) -> bool:
        """Whether somebody has the address, and neither a lock nor a closing keeps them out."""
        return bool(self.account and self.account.may_log_in)

    @property
    def is_shut_by_departure(self) -> bool:
        """Whether it was a departure that closed the account, so that its end opens it again."""
        gone = self.departure
        return bool(gone and gone.shut_at and gone.found_open) and not self.is_in_use

    @property
    def has_own_factor(self) -> bool:
        """Whether it is a civil servant's account with a second factor."""
        return bool(self.account and not self.account.is_staff and self.account.has_factor)

    @cached_property
    def proposal_fault(self) -> str:
        return phone_proposals.fault_of(self.proposal) if self.proposal else ""

    @cached_property
    def factor_fault(self) -> str:
        return factor_proposals.fault_of(self.factor_proposal) if self.factor_proposal else ""

    @property
    def phone_waits(self) -> bool:
        """Whether a new number waits that can still be approved."""
        return self.proposal is not None and not self.proposal_fault

    @property
    def factor_waits(self) -> bool:
        return self.factor_proposal is not None and not self.factor_fault

    @cached_property
    def sentence(self) -> str:
        """Say how things stand and what to do, as it can be read out loud to the caller."""
        return (
            _of_account(self)
            or _of_codes(self.codes)
            or _of_phone(self)
            or _(
                "Tài khoản bình thường: có thể yêu cầu mã ngay bây giờ. Đề nghị anh/chị mở “Quên"
                " mật khẩu”, nhập địa chỉ thư rồi bấm Tiếp tục."
            )
        )

    @property
    def ticket_line(self) -> str:
        """Say who called and how things stood, as it goes into a ticket: no whole number."""
        at = moment(timezone.now())
        if self.account is None:
            return f"{at}: {self.address}. {self.sentence}"
        phone = self.phone or _("chưa có số điện thoại")
        return _(
            "%(at)s: %(name)s (%(address)s), số %(phone)s, mã hôm nay %(taken)s/%(most)s. %(how)s"
        ) % {
            "at": at,
            "name": self.account.full_name or self.address,
            "address": self.address,
            "phone": phone,
            "taken": self.codes.taken,
            "most": self.codes.most,
            "how": self.sentence,
        }

    @property
    def remarks(self) -> list[str]:
        """Say what else stands in the way, though not of getting the password back."""
        lines = (
            *(_of_extra_code(self), _of_log_in(self), _of_mail(self), _of_new_phone(self)),
            _of_factor(self),
        )
        return [line for line in lines if line]


def overview_of(
    address: str, account: Account | None, query: Mapping[str, str] | None = None
) -> Overview:
    """Look at `address`, whether or not somebody has it: with the same statements.

    `query` says which page of the history is looked at.
    """
    audited = (
        AuditEvent.objects.concerning(account) if account else AuditEvent.objects.about(address)
    )
    resets = audited.filter(event=AuditEvent.Event.PASSWORD_RESET).order_by("-at")
    day = office.today()
    given = DailyHelp.objects.filter(
        account=account, kind=DailyHelp.Kind.CODE, local_day=day
    ).first()
    return Overview(
        address=address,
        account=account,
        codes=status.status_of(address),
        phone_codes=status.status_of(address, Purpose.PHONE),
        last_reset=resets.values_list("at", flat=True).first(),
        sessions=Session.objects.filter(account=account, expire_date__gt=timezone.now()).count()
        if account
        else 0,
        extra_today=given is not None and not given.is_open,
        extra_given_at=given.given_at if given and given.is_open else None,
        proposal=PhoneProposal.objects.open().filter(account=account).first(),
        factor_proposal=FactorProposal.objects.open().filter(account=account).first(),
        departure=Departure.objects.standing().filter(account=account).first(),
        history=history.read(audited, query or {}),
        mail_logins=mail_logins.of(account) if account else None,
    )


def _of_account(seen: Overview) -> str:
    """Say what about the account itself stands in the way."""
    account = seen.account
    if account is None:
        return _(
            "Địa chỉ này không có trong hệ thống nên không có tin nhắn nào được gửi, dù trang vẫn"
            " hiện như thường. Đề nghị anh/chị xem lại cách viết địa chỉ rồi thử lại."
        )
    if not account.is_active:
        return f"{_of_closing(seen)} {_of_lock_too(account)}".rstrip()
    if account.is_locked:
        return _(
            "Tài khoản đang bị khóa từ %(time)s nên chưa đăng nhập và lấy lại mật khẩu được. Tôi"
            " mở khóa được sau khi đối chiếu; nếu không đối chiếu được, đề nghị anh/chị liên hệ cán"
            " bộ CNTT của đơn vị."
        ) % {"time": moment(account.locked_at)}
    return _of_number(account)


def _of_closing(seen: Overview) -> str:
    if seen.departure and seen.is_shut_by_departure:
        return _(
            "Tài khoản đã đóng vì nghỉ việc, ngày làm việc cuối là %(day)s. Nếu vẫn còn làm việc,"
            " đề nghị anh/chị báo cán bộ CNTT của đơn vị để hủy ngày nghỉ việc."
        ) % {"day": date_format(seen.departure.last_day, "DATE_FORMAT")}
    return _("Tài khoản đã ngừng sử dụng. Đề nghị anh/chị liên hệ cán bộ CNTT của đơn vị.")


def _of_lock_too(account: Account) -> str:
    if not account.is_locked:
        return ""
    return _(
        "Tài khoản còn bị khóa từ %(time)s: mở khóa chỉ có ích sau khi tài khoản được mở lại."
    ) % {"time": moment(account.locked_at)}


def _of_number(account: Account) -> str:
    """Say why no code goes to the number of the account."""
    if account.phone_for_codes:
        return ""
    if not account.has_way_in and not account.has_phone:
        return _(
            "Tài khoản chưa có mật khẩu và chưa có số điện thoại nên chưa đăng nhập được. Đề"
            " nghị anh/chị báo cán bộ CNTT của đơn vị: người mới được in phiếu kích hoạt để tự vào"
            " ở trang Kích hoạt tài khoản; người khác được đề nghị số điện thoại, một cán bộ nữa"
            " duyệt."
        )
    if not account.has_way_in:
        return _(
            "Tài khoản chưa có mật khẩu và chưa có số điện thoại đã xác thực nên chưa đăng nhập"
            " được. Đề nghị anh/chị báo cán bộ CNTT của đơn vị: cán bộ đề nghị số điện thoại, một"
            " người khác duyệt, sau đó anh/chị dùng “Quên mật khẩu”."
        )
    if not account.has_phone:
        return _(
            "Tài khoản chưa có số điện thoại nên không nhận được mã. Nếu còn nhớ mật khẩu, đề nghị"
            " anh/chị đăng nhập và khai số. Nếu đã quên, đề nghị anh/chị báo cán bộ CNTT của đơn"
            " vị: cán bộ đề nghị số điện thoại, một người khác duyệt, sau đó anh/chị dùng “Quên mật"
            " khẩu”."
        )
    if account.phone_is_in_doubt:
        return _(
            "Số điện thoại bị nghi không còn của chủ hộp thư từ %(time)s nên không nhận mã. Nếu còn"
            " nhớ mật khẩu, đề nghị anh/chị đăng nhập để xác nhận lại số. Nếu đã quên, đề nghị"
            " anh/chị báo cán bộ CNTT của đơn vị để đổi số."
        ) % {"time": moment(account.phone_doubted_at)}
    if not account.phone_is_in_force:
        return _(
            "Số điện thoại chưa được xác thực nên chưa nhận được mã lấy lại mật khẩu. Nếu còn nhớ"
            " mật khẩu, đề nghị anh/chị đăng nhập và xác thực số. Nếu đã quên, đề nghị anh/chị báo"
            " cán bộ CNTT của đơn vị: cán bộ đề nghị số điện thoại, một người khác duyệt, sau đó"
            " anh/chị dùng “Quên mật khẩu”."
        )
    return ""


def _of_codes(codes: CodeStatus) -> str:
    """Say what about today's codes stands in the way."""
    if codes.closed_until:
        return _(
            "Việc lấy lại mật khẩu đang đóng đến %(time)s vì nhập sai mã %(streak)s lần liên tiếp."
            " Đăng nhập bằng mật khẩu vẫn được. Nếu đã quên mật khẩu, đề nghị anh/chị chờ máy để"
            " cán bộ hỗ trợ mở lại."
        ) % {"time": moment(codes.closed_until), "streak": STREAK}
    if not outbox.can_send():
        return _(
            "Cổng đang không gửi được tin nhắn nào nên chưa ai yêu cầu được mã; lượt trong ngày vẫn"
            " còn nguyên. Đề nghị anh/chị thử lại sau ít phút."
        )
    if ceilings.paused():
        return _("Cả hệ thống đang tạm dừng gửi mã. Đề nghị anh/chị thử lại sau ít phút.")
    if codes.is_spent:
        return _(
            "Đã dùng hết %(most)s mã trong ngày. Yêu cầu được mã tiếp theo từ %(time)s: đề nghị"
            " anh/chị thử lại lúc đó, hoặc chờ máy nếu cần gấp."
        ) % {
            "most": codes.most,
            "time": moment(codes.next_at),
        }
    if codes.next_at:
        return _(
            "Vừa yêu cầu mã, chưa đủ %(gap)s. Yêu cầu được mã tiếp theo từ %(time)s: đề nghị"
            " anh/chị xem tin nhắn mới nhất, nếu vẫn chưa có thì yêu cầu lại lúc đó."
        ) % {
            "gap": duration(GAP),
            "time": moment(codes.next_at),
        }
    return ""


def _of_phone(seen: Overview) -> str:
    until = limits.used_up_until(NUMBER_CAP, seen.account.phone) if seen.account else None
    if not until:
        return ""
    return _(
        "Số điện thoại này đã nhận đủ %(most)s mã trong %(period)s nên chưa nhận thêm được mã. Đề"
        " nghị anh/chị thử lại từ %(time)s."
    ) % {
        "most": NUMBER_CAP.count,
        "period": duration(NUMBER_CAP.period),
        "time": moment(until),
    }


def _of_extra_code(seen: Overview) -> str:
    if not seen.extra_given_at:
        return ""
    return _(
        "Đã cấp thêm một mã lúc %(time)s, chưa dùng. Người gọi yêu cầu được mã này bằng từ đã đọc;"
        " nếu không còn nhớ từ, hãy cấp lại để có từ mới."
    ) % {"time": moment(seen.extra_given_at)}


def _of_log_in(seen: Overview) -> str:
    until = limits.used_up_until(FAILURES, seen.address)
    if not until:
        return ""
    return _(
        "Đăng nhập đang tạm dừng đến %(time)s vì nhập sai mật khẩu nhiều lần. Đề nghị anh/chị dùng"
        " trình duyệt đã từng đăng nhập tài khoản này, hoặc “Quên mật khẩu”, hoặc đăng nhập lại sau"
        " lúc đó."
    ) % {"time": moment(until)}


def _of_mail(seen: Overview) -> str:
    account = seen.account
    if not (account and account.has_default_password and account.default_password_until):
        return ""
    if account.default_password_until > timezone.now():
        return _(
            "Mật khẩu mặc định chỉ mở được thư đến %(time)s: đề nghị anh/chị đổi trước lúc đó."
        ) % {"time": moment(account.default_password_until)}
    return _(
        "Mật khẩu mặc định không mở được thư nữa. Đề nghị anh/chị đăng nhập trang này để đổi mật"
        " khẩu, hoặc dùng “Quên mật khẩu”."
    )


def _of_new_phone(seen: Overview) -> str:
    until = seen.phone_codes.closed_until
    if not until:
        return ""
    return _(
        "Việc xác thực số điện thoại mới đang đóng đến %(time)s vì nhập sai mã. Đề nghị anh/chị"
        " khai lại số sau lúc đó."
    ) % {"time": moment(until)}


def _of_factor(seen: Overview) -> str:
    if not seen.has_own_factor:
        return ""
    return _(
        "Tài khoản có xác thực hai lớp: đăng nhập và lấy lại mật khẩu cần thêm mã của ứng dụng,"
        " passkey hoặc mã dự phòng. Mất cả thì phải có hai cán bộ cùng bỏ xác thực hai lớp."
    )


def moment(at: dt.datetime | None) -> str:
    """Write a time as the office reads it."""
    if at is None:
        return ""
    local = timezone.localtime(at, OFFICE_ZONE)
    return _("%(time)s ngày %(day)s") % {
        "time": date_format(local, "TIME_FORMAT"),
        "day": date_format(local, "DATE_FORMAT"),
    }
