"""Every setting of the portal, for every environment; what differs comes from the environment.

Each variable can also be given as NAME_FILE, the path of a file that holds the value. All of them
are described in deploy/env.example.
"""

import logging
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from environs import EnvError, validate

from accounts.webmail import set_up as webmail_sso
from mailportal import demo, embedded, markup, postgresql
from mailportal.env_file import Environment
from mailportal.postgresql import address
from mailportal.profile import load
from otp.suppliers import code_ways, description_file, smpp

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = Environment(strip_whitespace=True)


def required(name: str) -> str:
    """Read a variable without which the portal must not start."""
    value = env.str(name, "")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. See deploy/env.example.")
    return value


def required_list(name: str) -> list[str]:
    """Read a variable of several values; an empty one among them would be a secret of no letter."""
    values = required(name).split(",")
    if not all(values):
        raise ImproperlyConfigured(f"{name} has nothing before, after or between its commas.")
    return values


# Only `make run` sets this; a check refuses it in a deployment.
DEMO = env.bool("PORTAL_DEMO", False)
if DEMO:
    demo.set_environment(VAR_DIR)

# The province
PROFILE = load(env.str("PORTAL_PROFILE", "hagiang"))
MAIL_DOMAINS = PROFILE.domains
MAIL_DOMAIN_ALIASES = PROFILE.domain_aliases
PASSWORD_LOCAL_WORDS = PROFILE.words
PHONE_PREFIXES = PROFILE.phone_prefixes  # of mobile numbers that `phonenumbers` does not know yet

# Secrets
SECRET_KEY, *SECRET_KEY_FALLBACKS = required_list("SECRET_KEY")
OTP_PEPPERS = required_list("OTP_PEPPER")

# Where the portal is found
PORT = env.int("PORT", 8000, validate=validate.Range(min=1, max=65535))
PUBLIC_BASE_URL = required("PUBLIC_BASE_URL").rstrip("/")
try:
    _public = urlsplit(PUBLIC_BASE_URL)
except ValueError as error:
    raise ImproperlyConfigured(f"PUBLIC_BASE_URL: {error}.") from None
if _public.scheme not in ("http", "https") or not _public.hostname:
    raise ImproperlyConfigured("PUBLIC_BASE_URL must look like https://matkhau.example.gov.vn")
OVER_HTTPS = _public.scheme == "https"
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", [_public.hostname], subcast=str.strip)
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", 0, validate=validate.Range(0, 10))
_HEADERS = validate.OneOf(["X-Forwarded-For", "Forwarded"])
TRUSTED_PROXY_HEADER = env.str("TRUSTED_PROXY_HEADER", "X-Forwarded-For", validate=_HEADERS)


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    """Read a variable of networks in CIDR notation."""
    try:
        return [ip_network(net.strip()) for net in env.str(name, "").split(",") if net.strip()]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from None


OFFICE_NETWORKS = networks("OFFICE_NETWORKS")
STAFF_NETWORKS = networks("STAFF_NETWORKS")
WEBHOOK_NETWORKS = networks("WEBHOOK_NETWORKS")

# Database
DATABASE_URL = env.str("DATABASE_URL", "")
_url = "DATABASE_URL"
# Whom `migrate` grants what web, sender and worker need; empty: it is run by the same role.
DATABASE_SERVING_ROLE = DATABASE_SERVING_PASSWORD = ""
if DATABASE_URL and postgresql.as_owner and env.str("DATABASE_OWNER_URL", ""):
    _serving = address.read(env, "DATABASE_URL")
    DATABASE_SERVING_ROLE, DATABASE_SERVING_PASSWORD = _serving["USER"], _serving["PASSWORD"]
    _url = "DATABASE_OWNER_URL"
# PgBouncer between the pages and PostgreSQL; commands, the sender and the worker go past it.
_POOLERS = validate.OneOf(["", "session", "transaction"])
DATABASE_POOLER = env.str("DATABASE_POOLER", "", validate=_POOLERS)
DATABASE_DIRECT_URL = env.str("DATABASE_DIRECT_URL", "")
address.refuse_half(env)
if DATABASE_URL:
    DATABASE_OF_PAGES = address.database(env, "DATABASE_URL", pooler=DATABASE_POOLER)
else:
    DATABASE_OF_PAGES = address.with_limits(dict(embedded.database(VAR_DIR / "postgres")))
DATABASES = {"default": DATABASE_OF_PAGES}
if DATABASE_DIRECT_URL:
    _direct = address.database(env, "DATABASE_DIRECT_URL")
    if postgresql.patience is postgresql.COMMAND:
        DATABASES = {"default": _direct}
if _url != "DATABASE_URL":
    DATABASES = {"default": address.database(env, _url)}
DATABASE_REPLICA_URL = env.str("DATABASE_REPLICA_URL", "")
if DATABASE_REPLICA_URL:
    _replica = address.replica(env, "DATABASE_REPLICA_URL")
    if postgresql.patience is not postgresql.COMMAND:
        DATABASES["replica"] = _replica
        DATABASE_ROUTERS = ["accounts.pages.replica.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Where the shield counts callers; nothing that must be exact is counted here
CACHE_URL = env.str("CACHE_URL", "")
if CACHE_URL:
    # Every process would load them, and few offices have a Redis.
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    try:
        _cache = env.dj_cache_url("CACHE_URL")
    except EnvError:
        _cache = {}
    if _cache.get("BACKEND") != "django.core.cache.backends.redis.RedisCache":
        raise ImproperlyConfigured("CACHE_URL must be a redis:// or rediss:// address.")
    # Whoever asks for a page waits for it: one try, and a short one.
    _cache["OPTIONS"] = {"socket_connect_timeout": 0.2, "socket_timeout": 0.2}  # seconds
    _cache["OPTIONS"]["retry"] = Retry(NoBackoff(), 0)
else:
    _cache = {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},  # callers, of some 300 bytes each
    }
CACHES = {"default": _cache}
# A count for each process lets through so many times more, which is enough to turn a flood away;
# Django's own cache on Redis, which adds and increments in one step each, is unknown to W001.
SILENCED_SYSTEM_CHECKS = ["django_ratelimit.E003", "django_ratelimit.W001"]

# Application
DEBUG = False
INSTALLED_APPS = [
    "accounts.apps.StaffAdminConfig",
    "accounts.terminal",  # before auth, two of whose commands it replaces
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.forms",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "csp",
    "procrastinate.contrib.django",
    "django_ratelimit",
    "otp.apps.OtpConfig",
    # Last: it takes away what others put into the admin, and gives rights to all tables.
    "accounts.apps.AccountsConfig",
]
MIDDLEWARE = [
    "mailportal.metrics.requests.RequestTimesMiddleware",
    "mailportal.middleware.CallerMiddleware",
    "mailportal.middleware.HeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "mailportal.language.LanguageMiddleware",  # before whatever may answer with an error page
    "mailportal.middleware.MonitorMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "mailportal.middleware.LateMiddleware",
    "accounts.access.middleware.StaffNetworkMiddleware",
    "mailportal.middleware.BodyLimitMiddleware",
    "mailportal.middleware.SchemaMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "mailportal.shield.ShieldMiddleware",  # before what asks the database
    "mailportal.middleware.FirstLookMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "accounts.self_service.repeats.RepeatMiddleware",
    "accounts.access.drafts.DraftMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "accounts.access.middleware.FactorAskedMiddleware",
    "accounts.access.middleware.ForcedChangeMiddleware",
    "accounts.access.middleware.FactorDemandedMiddleware",
    "accounts.access.middleware.PhoneAskedMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "mailportal.middleware.LongPageMiddleware",
    "mailportal.middleware.FaultMiddleware",
]
ROOT_URLCONF = "mailportal.urls"
# The portal has a host of its own: nobody may say that it is mounted below a path.
FORCE_SCRIPT_NAME = ""
WSGI_APPLICATION = "mailportal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": markup.LOADERS,
            "builtins": ["accounts.pages.fixed", "accounts.pages.parts"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "mailportal.profile.context",
                "mailportal.numbers.context",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# People
AUTH_USER_MODEL = "accounts.Account"
AUTHENTICATION_BACKENDS = ["accounts.access.login.AccountBackend"]
LOGIN_URL, LOGIN_REDIRECT_URL = "accounts:login", "accounts:home"
WEBMAIL_SSO = webmail_sso.load(env, over_https=OVER_HTTPS)
PASSWORD_HASHERS = [
    "accounts.credentials.hashers.BoundedArgon2Hasher",  # the first makes new ones
    "accounts.credentials.foreign_hashes.ImportedHasher",
]
AUTH_PASSWORD_VALIDATORS = [{"NAME": "accounts.credentials.policy.PolicyValidator"}]
BREACHED_PASSWORDS_FILE = env.str("BREACHED_PASSWORDS_FILE", "")
HASHES_AT_ONCE = 2  # in one process; each takes 19 MiB for about 25 ms
HASH_QUEUE = 5  # seconds to wait for a place before the page says "busy"
PASSWORD_FRESH = 600  # seconds after typing it in which the password is not asked again
PHONE_MASK_DIGITS = env.int("PHONE_MASK_DIGITS", 6)  # 0 to 6
PHONE_CONFIRMATION = env.bool("PHONE_CONFIRMATION", True)
PHONE_RECONFIRM_MONTHS = env.int("PHONE_RECONFIRM_MONTHS", 12, validate=validate.Range(0, 120))

# The mail system's directory, where there is one
DIRECTORY = env.str("DIRECTORY", "")
DIRECTORY_KIND = env.str("DIRECTORY_KIND", "openldap")  # or ad
DIRECTORY_BASE = env.str("DIRECTORY_BASE", "")
DIRECTORY_BIND_DN = env.str("DIRECTORY_BIND_DN", "")
DIRECTORY_BIND_PASSWORD = env.str("DIRECTORY_BIND_PASSWORD", "")
DIRECTORY_NOBODY_DN = env.str("DIRECTORY_NOBODY_DN", "")
DIRECTORY_CA_FILE = env.str("DIRECTORY_CA_FILE", "")
DIRECTORY_FILTER = env.str("DIRECTORY_FILTER", "") or "(mail={address})"
DIRECTORY_PHONE_ATTRIBUTE = env.str("DIRECTORY_PHONE_ATTRIBUTE", "")
DIRECTORY_TIMEOUTS = (3, 10)  # seconds to connect, seconds for an answer
DIRECTORY_AT_ONCE = 3  # conversations in one process of four threads
DIRECTORY_QUEUE = 5  # seconds to wait for a place

# Codes
OTP_LIFETIME = 300  # seconds a code stays good
OTP_TOTP_ISSUER = PROFILE.title
DAYS_TO_A_HIT = env.int("DAYS_TO_A_HIT", 1000, validate=validate.Range(10, 100_000))  # of a guesser
RATELIMIT_ENABLE = env.bool("RATELIMIT_ENABLE", True)
RETENTION_CODES_DAYS = 90
# For which a removed account's address is nobody else's.
ADDRESS_QUARANTINE_DAYS = env.int("ADDRESS_QUARANTINE_DAYS", 365, validate=validate.Range(30, 3650))
AUDIT_RETENTION_DAYS = env.int("AUDIT_RETENTION_DAYS", 1826, validate=validate.Range(366, 36525))

# What runs by itself (accounts/upkeep/schedule.py)
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = None
# What was missed while no worker ran is done by the first that starts, within a day.
PROCRASTINATE_PERIODIC_DEFAULTS = {"max_delay": 24 * 60 * 60 - 60}  # seconds
AUDIT_FILE = env.str("AUDIT_FILE", "")
AUDIT_SYSLOG = env.str("AUDIT_SYSLOG", "")
AUDIT_SYSLOG_CA = env.str("AUDIT_SYSLOG_CA", "")
AUDIT_SYSLOG_CERT = env.str("AUDIT_SYSLOG_CERT", "")
AUDIT_SYSLOG_KEY = env.str("AUDIT_SYSLOG_KEY", "")
BACKUP_DIR = env.str("BACKUP_DIR", "")
BACKUP_RECIPIENT = env.str("BACKUP_RECIPIENT", "")
BACKUP_KEEP_DAYS = env.int("BACKUP_KEEP_DAYS", 30, validate=validate.Range(1, 3650))
BACKUP_SCRATCH_URL = env.str("BACKUP_SCRATCH_URL", "")
BACKUP_SCRATCH = address.read(env, "BACKUP_SCRATCH_URL") if BACKUP_SCRATCH_URL else {}

# Delivery
SMS_GATEWAY = env.str("SMS_GATEWAY", "")
SMS_ORIGIN_LINE = env.bool("SMS_ORIGIN_LINE", False)
SMS_FILE = env.str("SMS_FILE", "")
TWILIO_ACCOUNT_SID = env.str("TWILIO_ACCOUNT_SID", "")
TWILIO_AUTH_TOKEN = env.str("TWILIO_AUTH_TOKEN", "")
TWILIO_FROM = env.str("TWILIO_FROM", "")
TWILIO_MESSAGING_SERVICE_SID = env.str("TWILIO_MESSAGING_SERVICE_SID", "")
TWILIO_API_BASE = env.str("TWILIO_API_BASE", "")
ESMS_API_KEY = env.str("ESMS_API_KEY", "")
ESMS_SECRET_KEY = env.str("ESMS_SECRET_KEY", "")
ESMS_BRANDNAME = env.str("ESMS_BRANDNAME", "")
ESMS_SANDBOX = env.bool("ESMS_SANDBOX", False)
ESMS_API_BASE = env.str("ESMS_API_BASE", "")
SMPP, CODE_WAYS = smpp.load(env), code_ways.load(env)
SMS_SUPPLIERS = description_file.load(env.list("SMS_SUPPLIER_FILES", []), env)
try:
    _email = env.dj_email_url("EMAIL_URL", "smtp://localhost:25")
except EnvError as error:
    raise ImproperlyConfigured(f"EMAIL_URL: {error}") from None
if "EMAIL_BACKEND" not in _email:
    raise ImproperlyConfigured("EMAIL_URL must be a submission:// or smtp:// address.")
EMAIL_BACKEND = _email["EMAIL_BACKEND"]
EMAIL_HOST = _email.get("EMAIL_HOST", "")
EMAIL_PORT = _email.get("EMAIL_PORT", 25)
EMAIL_HOST_USER = _email.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = _email.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS, EMAIL_USE_SSL = (_email.get(f"EMAIL_USE_{kind}", False) for kind in ("TLS", "SSL"))
EMAIL_FILE_PATH = _email.get("EMAIL_FILE_PATH", "")
EMAIL_TIMEOUT = 10  # seconds
DOVEADM_URL = env.str("DOVEADM_URL", "")
DOVEADM_API_KEY = env.str("DOVEADM_API_KEY", "")
DOVEADM_CA_FILE = env.str("DOVEADM_CA_FILE", "")
MOBILECONFIG_CERT_FILE = env.str("MOBILECONFIG_CERT_FILE", "")
MOBILECONFIG_KEY_FILE = env.str("MOBILECONFIG_KEY_FILE", "")
ALERT_EMAILS: list[str] = env.list("ALERT_EMAILS", [], subcast=str.strip)
ALERT_WEBHOOK_URL = env.str("ALERT_WEBHOOK_URL", "")
ALERT_WEBHOOK_SECRET = env.str("ALERT_WEBHOOK_SECRET", "")
DEFAULT_FROM_EMAIL = _email.get("DEFAULT_FROM_EMAIL", f"khong-tra-loi@{PROFILE.domain}")
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
AUTH_POLICY_TOKEN = env.str("AUTH_POLICY_TOKEN", "")
APP_PASSWORDS = env.str("APP_PASSWORDS", "off", validate=validate.OneOf(["off", "on", "only"]))

# Sessions and cookies
SESSION_ENGINE = "accounts.access.sessions"
SESSION_COOKIE_AGE = 30 * 60  # seconds without a request
SESSION_LONGEST = 12 * 60 * 60  # seconds since the log-in
STAFF_SESSION_COOKIE_AGE = 15 * 60
STAFF_SESSION_LONGEST = 8 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_NAME = "__Host-sessionid" if OVER_HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if OVER_HTTPS else "csrftoken"
KNOWN_BROWSER_COOKIE_NAME = "__Host-browser" if OVER_HTTPS else "browser"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = OVER_HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_AGE = None
CSRF_FAILURE_VIEW = "mailportal.errors.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# Headers and sizes
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if OVER_HTTPS else 0  # one year
SECURE_SSL_REDIRECT = SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = OVER_HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXY_COUNT else None
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024  # bytes
DATA_UPLOAD_MAX_NUMBER_FIELDS = 50

# Language and time
LANGUAGE_CODE, LANGUAGES = "vi", [("vi", "Tiếng Việt"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "mailportal.formats"
TIME_ZONE = "Asia/Ho_Chi_Minh"

# Static files
STATIC_URL, STATIC_ROOT = "static/", VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_ALLOW_ALL_ORIGINS = False

# Logs: one JSON object a line on standard error
LOG_LEVEL = env.log_level("LOG_LEVEL", logging.INFO, validate=validate.Range(1, logging.CRITICAL))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "mailportal.log.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # Their DEBUG and INFO lines hold request bodies: the number and the wording.
        "twilio": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
        # Says what it registers at every start, and where it connects to at every loss.
        "procrastinate": {"level": "WARNING"},
        "psycopg.pool": {"level": "ERROR"},
        "passlib": {"level": "WARNING"},  # names every scheme that it loads
        "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.db.backends": {"level": "WARNING"},
    },
}
