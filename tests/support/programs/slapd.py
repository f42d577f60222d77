"""A directory of the tests' own: OpenLDAP on loopback, a throw-away CA, a password policy."""

import base64
import hashlib
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from tests.support.cast import PASSWORD
from tests.support.programs.ports import free_port
from tests.support.waiting import PATIENCE, wait_for, wait_for_end

BASE = "dc=example,dc=vn"
PEOPLE = f"ou=people,{BASE}"
PORTAL = f"cn=portal,{BASE}"
PORTAL_PASSWORD = "geheim-ldap-4417"
ROOT_PASSWORD = "geheim-root-2210"
# The same machine under a name that is not known for it, as another machine's would not be.
BY_ANOTHER_NAME = "127.1"

CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
# Active Directory's, which here is an attribute like others.
attributetype ( 1.2.840.113556.1.4.90 NAME 'unicodePwd' SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
moduleload argon2
pidfile {folder}/slapd.pid
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
password-hash {{ARGON2}}
sizelimit 100
loglevel none

database mdb
suffix "{base}"
rootdn "cn=root,{base}"
rootpw "{root_password}"
directory {folder}/data
maxsize 1073741824
dbnosync
index objectClass,mail,uid eq
overlay ppolicy
ppolicy_default "cn=policy,{base}"
limits dn.exact="{portal}" size.pr=1000 size.prtotal=unlimited
access to attrs=userPassword,unicodePwd by dn.exact="{portal}" write by anonymous auth by * none
access to attrs=mobile by dn.exact="{portal}" write by * none
access to * by dn.exact="{portal}" read by * none
"""

TREE = f"""
dn: {BASE}
objectClass: dcObject
objectClass: organization
o: Example

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: {PORTAL}
objectClass: organizationalRole
objectClass: simpleSecurityObject
userPassword: {PORTAL_PASSWORD}

dn: cn=policy,{BASE}
objectClass: device
objectClass: pwdPolicy
pwdAttribute: userPassword
pwdMinLength: 10
pwdCheckQuality: 1
pwdInHistory: 3
"""


def entry(name, password=PASSWORD, **more):
    """Give a person's entry in LDIF; its password as the old system stored it."""
    columns = {
        "objectClass": "inetOrgPerson",
        "cn": name,
        "sn": name,
        "mail": f"{name}@hagiang.gov.vn",
        **more,
    }
    salt = b"salt"
    digest = hashlib.sha1(password.encode() + salt).digest()
    lines = [f"dn: uid={name},{PEOPLE}", f"uid: {name}"]
    for column, value in columns.items():
        values = [value] if isinstance(value, str) else value
        lines += [f"{column}:: {base64.b64encode(each.encode()).decode()}" for each in values]
    lines.append("userPassword: {SSHA}" + base64.b64encode(digest + salt).decode())
    return "\n".join(lines) + "\n\n"


class Slapd:
    """The server; `entries` is what it begins with, in LDIF."""

    def __init__(self, entries):
        self.folder = Path(tempfile.mkdtemp(prefix="mailportal-slapd-"))
        self.process = None
        self.port, self.tls_port = free_port(), free_port()
        (self.folder / "data").mkdir()
        make_certificates(self.folder)
        text = CONFIGURATION.format(
            folder=self.folder, base=BASE, portal=PORTAL, root_password=ROOT_PASSWORD
        )
        (self.folder / "slapd.conf").write_text(text)
        self.load(TREE + "\n" + entries)
        self.start()

    def load(self, entries):
        (self.folder / "entries.ldif").write_text(entries, encoding="utf-8")
        self._program("slapadd", "-q", "-l", str(self.folder / "entries.ldif"))

    def _program(self, name, *arguments):
        command = [program(name), "-f", str(self.folder / "slapd.conf"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def start(self, loglevel="none"):
        plain = f"ldap://127.0.0.1:{self.port}/ ldaps://127.0.0.1:{self.tls_port}/"
        self.log = (self.folder / "log").open("w")
        self.process = subprocess.Popen(
            [program("slapd"), "-d", loglevel, "-h", plain, "-f", str(self.folder / "slapd.conf")],
            stdout=self.log,
            stderr=self.log,
        )
        wait_for(self._is_open, "slapd to listen", log=self.said)

    def forbid_writing(self):
        self._rewrite(f'by dn.exact="{PORTAL}" write', f'by dn.exact="{PORTAL}" read')

    def permit_writing(self):
        self._rewrite(f'by dn.exact="{PORTAL}" read', f'by dn.exact="{PORTAL}" write')

    def modify(self, dn, attribute, value):
        """Set an attribute as the administrator; "" takes it away."""
        change = f"replace: {attribute}\n{attribute}: {value}" if value else f"delete: {attribute}"
        subprocess.run(
            [
                *(program("ldapmodify"), "-x", "-D", f"cn=root,{BASE}", "-w", ROOT_PASSWORD),
                *("-e", "relax", "-H", f"ldap://127.0.0.1:{self.port}"),
            ],
            input=f"dn: {dn}\nchangetype: modify\n{change}\n",
            capture_output=True,
            text=True,
            check=True,
        )

    def limit_pages(self, entries):
        """Let the portal have no more than so many entries, however small the pages."""
        file = self.folder / "slapd.conf"
        text = re.sub(r"size.prtotal=\w+", f"size.prtotal={entries}", file.read_text())
        file.write_text(text)

    def _rewrite(self, old, new):
        file = self.folder / "slapd.conf"
        file.write_text(file.read_text().replace(old, new))

    def said(self):
        return (self.folder / "log").read_text()

    def binds(self):
        """Name who tried to bind, as a server that was started with "stats" has said."""
        return re.findall(r'BIND dn="([^"]*)" method', self.said())

    def _is_open(self):
        if self.process.poll() is not None:
            raise AssertionError((self.folder / "log").read_text())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process:
            self.process.terminate()
            wait_for_end(self.process, "slapd", log=self.said)
            self.process = None
            self.log.close()

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder)

    def settings(self, **changes):
        """Give the portal's settings for this server."""
        return {
            "DIRECTORY": f"ldap://127.0.0.1:{self.port}",
            "DIRECTORY_KIND": "openldap",
            "DIRECTORY_BASE": BASE,
            "DIRECTORY_BIND_DN": PORTAL,
            "DIRECTORY_BIND_PASSWORD": PORTAL_PASSWORD,
            "DIRECTORY_CA_FILE": str(self.folder / "ca.pem"),
            "DIRECTORY_PHONE_ATTRIBUTE": "mobile",
            "DIRECTORY_TIMEOUTS": (PATIENCE, PATIENCE),
        } | changes

    def dump(self):
        """Give everything, as an operator would take it to another system."""
        command = [program("slapcat"), "-f", str(self.folder / "slapd.conf")]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def read(self, name, attribute, *, text=True):
        """Give the values that an entry now has, as slapd stores them."""
        done = subprocess.run(
            [
                *(program("slapcat"), "-f", str(self.folder / "slapd.conf")),
                *("-o", "ldif-wrap=no", "-a", f"(uid={name})"),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        values = [value for line in done.stdout.splitlines() for value in _value(line, attribute)]
        return [value.decode() for value in values] if text else values


def _value(line, attribute):
    name, _, value = line.partition(": ")
    if name == f"{attribute}:":
        yield base64.b64decode(value)
    elif name == attribute:
        yield value.encode()


def program(name):
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    assert found, name
    return found


def certificates_elsewhere(case):
    """Give the file of another CA, which has signed nothing here."""
    folder = Path(tempfile.mkdtemp(prefix="mailportal-ca-"))
    case.addCleanup(shutil.rmtree, folder)
    make_certificates(folder)
    return str(folder / "ca.pem")


def make_certificates(folder, host="127.0.0.1"):
    """Make a CA and a server's certificate for `host`, good for one day."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1")
    names = f"subjectAltName=IP:{host},DNS:{BY_ANOTHER_NAME}"
    _openssl(
        *("req", "-x509", *key, "-subj", "/CN=throw-away CA"),
        *("-keyout", folder / "ca.key", "-out", folder / "ca.pem"),
    )
    _openssl(
        *("req", "-x509", *key, "-subj", "/CN=ldap", "-addext", names),
        *("-addext", "basicConstraints=critical,CA:FALSE"),
        *("-CA", folder / "ca.pem", "-CAkey", folder / "ca.key"),
        *("-keyout", folder / "server.key", "-out", folder / "server.pem"),
    )


def _openssl(*arguments):
    command = ["openssl", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
