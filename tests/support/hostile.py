"""What a stranger may send in place of what a field asks for, and how to look for it afterwards."""

from django.db import connection

from accounts.access.sessions import SessionStore

# In every value that has room for it: wherever this turns up, something was kept or repeated.
CANARY = "zqcanary"

VALUES = {
    "empty": "",
    "blanks": " \t\u00a0\u2003\u3000 ",
    "10 kB": CANARY + "a" * 10_000,
    "5000 digits": "9" * 5_000,
    "NUL": f"{CANARY}\0",
    "NUL alone": "\0",
    "CR LF": f"{CANARY}\r\nSet-Cookie: stolen=1\r\n\r\n",
    "escape sequences": f"\x1b[2J\x1b]0;{CANARY}\x07\x9b31m",
    "line separators": f"{CANARY}\u2028\u2029\x85.x",
    "right-to-left override": f"{CANARY}\u202evg.nv",
    "zero width": "z\u200bq\u200dc\ufeffa\u2060nary",
    "full-width letters": "ｚｑｃａｎａｒｙ＠ｅｖｉｌ．ｖｎ",
    "full-width digits": "１２３４５",
    "Arabic digits": "٠٩٨٧٤٦٦٩",
    "superscript digits": "¹²³⁴⁵⁶⁷",
    "Cyrillic а": f"{CANARY}.\u0430n",
    "dotless ı": f"{CANARY}.b\u0131nh",
    "ligature ﬁ": f"{CANARY}\ufb01@evil.vn",
    "Kelvin sign": f"\u212a{CANARY}@evil.vn",
    "combining marks": CANARY + "\u0301" * 200,
    "not a character": f"{CANARY}\uffff\ufdd0\U0010ffff",
    "emoji": f"{CANARY}👩‍👩‍👧",
    "LDAP": f"*)(uid={CANARY}*",
    "format": f"{{0.__class__}}{CANARY}",
    "percent": f"%s%n%(x)s{CANARY}%%",
    "wording": f"{{code}}{{minutes}}{CANARY}",
    "template": f"{{{{ settings.SECRET_KEY }}}}{{% debug %}}{CANARY}",
    "quotes": f"'\"`\\;--{CANARY}",
    "SQL": f"{CANARY}' OR 1=1; DROP TABLE otp_code; --",
    "script": f'"><script>alert("{CANARY}")</script>',
    "event handler": f"'><img src=x onerror={CANARY}>",
    "two at signs": f"{CANARY}@x@hagiang.gov.vn",
    "shell": f"$(id)|`{CANARY}`",
    "path": f"../../etc/{CANARY}",
    "script address": f"javascript:{CANARY}",
}

# Never as they are in a page, whatever was sent.
UNESCAPED = (f'<script>alert("{CANARY}', f"<img src=x onerror={CANARY}")


def database_text():
    """Give everything that every table holds, as one text; sessions are decoded too."""
    from accounts.models import Session

    with connection.cursor() as cursor:
        texts = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" AS t')
            texts += [f"{table}: {row}" for (row,) in cursor.fetchall()]
    texts += [
        f"session: {SessionStore().decode(session.session_data)}"
        for session in Session.objects.all()
    ]
    return "\n".join(texts)
