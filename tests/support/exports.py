"""What other mail systems write when they are emptied, as small as it can be and still be so."""

import base64

from tests.credentials.test_imported_hashes import HASHES, bare

SSHA512, SSHA = HASHES["SSHA512"], HASHES["SSHA"]
SHA512, BLF = HASHES["SHA512-CRYPT"], bare("BLF-CRYPT")


def b64(text):
    return base64.b64encode(text.encode()).decode()


def zimbra(name, *lines, status="active", password=SSHA512):
    """Give an account as Zimbra's own ldapsearch does."""
    return "\n".join(
        [
            f"# {name}, people, hagiang.gov.vn",
            f"dn: uid={name},ou=people,dc=hagiang,dc=gov,dc=vn",
            "objectClass: inetOrgPerson",
            "objectClass: zimbraAccount",
            f"uid: {name}",
            f"zimbraMailDeliveryAddress: {name}@hagiang.gov.vn",
            f"zimbraAccountStatus: {status}",
            f"userPassword:: {b64(password)}",
            *lines,
            "",
            "",
        ]
    )


# The administrator's aliases stand before the address of the mailbox.
ZIMBRA = (
    "# extended LDIF\n#\n# LDAPv3\n# base <> with scope subtree\n#\n\n"
    + zimbra(
        "quantri",
        "zimbraMailAlias: root@hagiang.gov.vn",
        "mail: root@hagiang.gov.vn",
        "mail: quantri@hagiang.gov.vn",
    )
    + zimbra(
        "giang",
        "mail: hoang.giang@hagiang.gov.vn",
        "mail: giang@hagiang.gov.vn",
        "zimbraMailAlias: hoang.giang@hagiang.gov.vn",
        f"displayName:: {b64('Hoàng Thị Giang')}",
        "cn: giang",
        "company: So Y te",
        "ou: Van phong",
        "telephoneNumber: 0219 3866 999",
        "mobile: 0912 345 678",
        "zimbraPrefMailForwardingAddress: giang@example.com",
    )
    + zimbra("nghi", "mail: nghi@hagiang.gov.vn", status="closed")
    + zimbra("khoa", "mail: khoa@hagiang.gov.vn", status="locked")
    + zimbra("tam", "mail: tam@hagiang.gov.vn", status="lockout")
    + zimbra("baotri", "mail: baotri@hagiang.gov.vn", status="maintenance")
    + zimbra("cho", "mail: cho@hagiang.gov.vn", status="pending")
    # A person is called so, and Zimbra's account that learns what is no spam.
    + zimbra("ham.nguyen", "mail: ham.nguyen@hagiang.gov.vn", f"cn:: {b64('Nguyễn Văn Hàm')}")
    + zimbra("ham.h4xq1zk9", "mail: ham.h4xq1zk9@hagiang.gov.vn", "cn: ham.h4xq1zk9")
    + zimbra("spam.b2", "mail: spam.b2@hagiang.gov.vn", "zimbraIsSystemAccount: TRUE")
    + zimbra("virus-quarantine.x", "mail: virus-quarantine.x@hagiang.gov.vn")
    + zimbra(
        "phonghop1",
        "mail: phonghop1@hagiang.gov.vn",
        "objectClass: zimbraCalendarResource",
        "zimbraCalResType: Location",
    )
    + f"""dn: uid=toanthe,ou=people,dc=hagiang,dc=gov,dc=vn
objectClass: zimbraDistributionList
objectClass: zimbraMailRecipient
uid: toanthe
displayName:: {b64("Toàn thể")}
mail: toanthe@hagiang.gov.vn
zimbraMailForwardingAddress: giang@hagiang.gov.vn
zimbraMailForwardingAddress: ngoai@example.com

dn: cn=mot cua,ou=groups,dc=hagiang,dc=gov,dc=vn
objectClass: groupOfNames
cn: mot cua
mail: motcua@hagiang.gov.vn
member: uid=giang,ou=people,dc=hagiang,dc=gov,dc=vn
member: uid=la,ou=people,dc=hagiang,dc=gov,dc=vn

# search result
search: 2
result: 0 Success

# numResponses: 15
"""
)

ZMPROV = f"""# name giang@hagiang.gov.vn
cn: Hoàng Giang
mail: giang@hagiang.gov.vn
objectClass: inetOrgPerson
objectClass: zimbraAccount
uid: giang
userPassword: {SSHA512}
zimbraAccountStatus: active
zimbraMailDeliveryAddress: giang@hagiang.gov.vn
zimbraPrefMailSignature: Trân trọng

Phòng Một cửa
(không trả lời)
mail: motcua@hagiang.gov.vn

# name nghi@hagiang.gov.vn
mail: nghi@hagiang.gov.vn
objectClass: zimbraAccount
userPassword: VALUE-BLOCKED
zimbraAccountStatus: closed

# distributionList toanthe@hagiang.gov.vn memberCount=1
mail: toanthe@hagiang.gov.vn
objectClass: zimbraDistributionList
zimbraMailForwardingAddress: giang@hagiang.gov.vn

"""

ACTIVE_DIRECTORY = f"""dn:: {b64("CN=Hoàng Giang,OU=Sở Y tế,DC=hagiang,DC=local")}
changetype: add
objectClass: top
objectClass: person
objectClass: organizationalPerson
objectClass: user
cn:: {b64("Hoàng Giang")}
sAMAccountName: giang
userAccountControl: 66048
company:: {b64("Sở Y tế")}
department:: {b64("Văn phòng")}
title:: {b64("Chuyên viên")}
pwdLastSet: 133000000000000000
accountExpires: 9223372036854775807
mail: giang@hagiang.gov.vn
proxyAddresses: smtp:hoang.giang@hagiang.gov.vn
proxyAddresses: SMTP:giang@hagiang.gov.vn
proxyAddresses: X400:C=VN;A= ;P=HG

dn: CN=Nghi,DC=hagiang,DC=local
changetype: add
objectClass: user
sAMAccountName: nghi
userAccountControl: 514
mail: nghi@hagiang.gov.vn

dn: CN=Khoa,DC=hagiang,DC=local
changetype: add
objectClass: user
sAMAccountName: khoa
userAccountControl: 512
lockoutTime: 133000000000000000
mail: khoa@hagiang.gov.vn

dn: CN=Het han,DC=hagiang,DC=local
changetype: add
objectClass: user
sAMAccountName: hethan
userAccountControl: 512
accountExpires: 130000000000000000
pwdLastSet: 0
mail: hethan@hagiang.gov.vn

dn: CN=MAY-1,DC=hagiang,DC=local
changetype: add
objectClass: user
objectClass: computer
userAccountControl: 4096
mail: may1@hagiang.gov.vn

dn: CN=Phong hop,DC=hagiang,DC=local
changetype: add
objectClass: user
userAccountControl: 514
msExchRecipientTypeDetails: 16
mail: phonghop@hagiang.gov.vn

dn: CN=Khach,DC=hagiang,DC=local
changetype: add
objectClass: contact
mail: khach@example.com

dn: CN=To mot,DC=hagiang,DC=local
changetype: add
objectClass: group
mail: tomot@hagiang.gov.vn
member: CN=Nghi,DC=hagiang,DC=local
"""

IREDMAIL_LDAP = f"""dn: domainName=hagiang.gov.vn,o=domains,dc=iredmail,dc=org
objectClass: mailDomain
domainName: hagiang.gov.vn
accountStatus: active

dn: mail=giang@hagiang.gov.vn,ou=Users,domainName=hagiang.gov.vn,o=domains,dc=iredmail,dc=org
objectClass: inetOrgPerson
objectClass: mailUser
objectClass: shadowAccount
cn:: {b64("Hoàng Giang")}
uid: giang
mail: giang@hagiang.gov.vn
shadowAddress: hoang.giang@hagiang.gov.vn
mailForwardingAddress: giang@hagiang.gov.vn
memberOfGroup: toanthe@hagiang.gov.vn
departmentNumber:: {b64("Sở Y tế")}
accountStatus: active
enabledService: mail
enabledService: deliver
enabledService: imap
shadowLastChange: 19000
userPassword: {SSHA512}

dn: mail=nghi@hagiang.gov.vn,ou=Users,domainName=hagiang.gov.vn,o=domains,dc=iredmail,dc=org
objectClass: inetOrgPerson
objectClass: mailUser
mail: nghi@hagiang.gov.vn
accountStatus: disabled
enabledService: mail
enabledService: imap
userPassword: {SSHA512}

dn: mail=khoa@hagiang.gov.vn,ou=Users,domainName=hagiang.gov.vn,o=domains,dc=iredmail,dc=org
objectClass: inetOrgPerson
objectClass: mailUser
mail: khoa@hagiang.gov.vn
accountStatus: active
enabledService: mail
enabledService: deliver
userPassword: {SSHA512}

dn: mail=toanthe@hagiang.gov.vn,ou=Groups,domainName=hagiang.gov.vn,o=domains,dc=iredmail,dc=org
objectClass: mailList
mail: toanthe@hagiang.gov.vn
accountStatus: active
enabledService: mail

dn: mail=vanthu@hagiang.gov.vn,ou=Aliases,domainName=hagiang.gov.vn,o=domains,dc=iredmail,dc=org
objectClass: mailAlias
mail: vanthu@hagiang.gov.vn
mailForwardingAddress: giang@hagiang.gov.vn

dn: mail=postmaster@hagiang.gov.vn,o=domainAdmins,dc=iredmail,dc=org
objectClass: mailAdmin
mail: postmaster@hagiang.gov.vn
userPassword: {SSHA512}
"""

FREEIPA = f"""dn: uid=giang,cn=users,cn=accounts,dc=hagiang,dc=gov,dc=vn
objectClass: inetorgperson
objectClass: posixaccount
objectClass: ipaobject
uid: giang
givenName: Giang
sn:: {b64("Hoàng Thị")}
cn: giang
mail: giang@hagiang.gov.vn
nsAccountLock: FALSE
userPassword: {SSHA512}

dn: uid=nghi,cn=users,cn=accounts,dc=hagiang,dc=gov,dc=vn
objectClass: inetorgperson
uid: nghi
mail: nghi@hagiang.gov.vn
nsAccountLock: TRUE
userPassword: {SSHA512}

dn: uid=xoa,cn=deleted users,cn=accounts,cn=provisioning,dc=hagiang,dc=gov,dc=vn
objectClass: inetorgperson
uid: xoa
mail: xoa@hagiang.gov.vn
"""

OPENLDAP = f"""dn: uid=giang,ou=people,dc=hagiang,dc=gov,dc=vn
objectClass: inetOrgPerson
uid: giang
mail: giang@hagiang.gov.vn
pwdReset: TRUE
userPassword: {{SASL}}giang@HAGIANG.GOV.VN
userPassword:: {b64(SSHA)}

dn: uid=khoa,ou=people,dc=hagiang,dc=gov,dc=vn
objectClass: inetOrgPerson
uid: khoa
mail: khoa@hagiang.gov.vn
pwdAccountLockedTime: 000001010000Z
userPassword: {SSHA}

dn: uid=tam,ou=people,dc=hagiang,dc=gov,dc=vn
objectClass: inetOrgPerson
uid: tam
mail: tam@hagiang.gov.vn
pwdAccountLockedTime: 20261101083000Z
userPassword: {SSHA}

dn: uid=nghi,ou=people,dc=hagiang,dc=gov,dc=vn
objectClass: inetOrgPerson
uid: nghi
mail: nghi@hagiang.gov.vn
userPassword: {{CRYPT}}!{bare("SHA512-CRYPT")}
"""

SHADOW = f"""root:$6$abc$xyz:19000:0:99999:7:::
daemon:*:19000:0:99999:7:::
sshd:!:19000::::::
giang:{bare("SHA512-CRYPT")}:19000:0:99999:7:::
nghi:!{bare("SHA512-CRYPT")}:19000:0:99999:7:::
hethan:{bare("SHA512-CRYPT")}:19000:0:99999:7::19500:
moi:{bare("SHA512-CRYPT")}:0:0:99999:7:::
khong@hagiang.gov.vn:*:19000:0:99999:7:::
"""

DOCKER_MAILSERVER = f"""giang@hagiang.gov.vn|{SHA512}
hai@hagiang.gov.vn|{{BLF-CRYPT}}{BLF}|userdb_mail_home=/var/mail/x
"""

# PostfixAdmin on MySQL, by mysqldump: b'1' from an old server, CREATE in one line.
POSTFIXADMIN = f"""-- MySQL dump 10.13
CREATE TABLE `mailbox` (`username` varchar(255) NOT NULL, `password` varchar(255) DEFAULT ',(', \
`name` varchar(255), `phone` varchar(30), `active` bit(1), PRIMARY KEY (`username`,`active`));
INSERT INTO `mailbox` VALUES ('giang@hagiang.gov.vn','{SHA512}','Hoàng; Giang','0912345678',b'1'),\
('nghi@hagiang.gov.vn','{SHA512}','Nghỉ','',b'0'); INSERT INTO `mailbox` VALUES \
('hai@hagiang.gov.vn','{SHA512}','Hai','',0x01) ON DUPLICATE KEY UPDATE active=1;
INSERT INTO `alias` (`address`,`goto`,`domain`,`active`) VALUES
('giang@hagiang.gov.vn','giang@hagiang.gov.vn,giang@example.com','hagiang.gov.vn',1),
('hai@hagiang.gov.vn','hai@hagiang.gov.vn','hagiang.gov.vn',1),
('van.hai@hagiang.gov.vn','hai@hagiang.gov.vn','hagiang.gov.vn',1),
('hai2@hagiang.gov.vn','van.hai@hagiang.gov.vn','hagiang.gov.vn',1),
('cu@hagiang.gov.vn','hai@hagiang.gov.vn','hagiang.gov.vn',0),
('abuse@hagiang.gov.vn','hai@hagiang.gov.vn','hagiang.gov.vn',1),
('@hagiang.gov.vn','hai@hagiang.gov.vn','hagiang.gov.vn',1),
('toanthe@hagiang.gov.vn','giang@hagiang.gov.vn,hai@hagiang.gov.vn','hagiang.gov.vn',1);
"""

# The same on PostgreSQL, whose texts know no backslash.
POSTFIXADMIN_ON_POSTGRESQL = f"""-- PostgreSQL database dump
SET standard_conforming_strings = on;
INSERT INTO public.mailbox (username, password, name, active) VALUES \
('giang@hagiang.gov.vn', '{SHA512}', 'A\\', true);
INSERT INTO public.mailbox (username, password, name, active) VALUES \
('nghi@hagiang.gov.vn', '{SHA512}', 'O''B', false) ON CONFLICT DO NOTHING;
"""

IREDMAIL_SQL = f"""INSERT INTO `mailbox` (`username`,`password`,`name`,`first_name`,`last_name`,\
`mobile`,`department`,`enableimap`,`active`,`expired`) VALUES
('giang@hagiang.gov.vn','{SSHA512}','Hoàng Giang','','','0912345678','Sở Y tế',1,1,\
'9999-12-31 00:00:00'),
('khoa@hagiang.gov.vn','{SSHA512}','','','','','',0,1,'0000-00-00 00:00:00'),
('hethan@hagiang.gov.vn','{SSHA512}','','','','','',1,1,'2020-01-01 00:00:00'),
('nghi@hagiang.gov.vn','{SSHA512}','','','','','',1,0,'9999-12-31 01:01:01');
INSERT INTO `alias` (`address`,`name`,`active`) VALUES ('toanthe@hagiang.gov.vn','Toàn thể',1);
INSERT INTO `forwardings` (`address`,`forwarding`,`is_list`,`is_forwarding`,`is_alias`,`active`)
VALUES
('giang@hagiang.gov.vn','giang@hagiang.gov.vn',0,1,0,1),
('hoang.giang@hagiang.gov.vn','giang@hagiang.gov.vn',0,0,1,1),
('toanthe@hagiang.gov.vn','giang@hagiang.gov.vn',1,0,0,1),
('toanthe@hagiang.gov.vn','khoa@hagiang.gov.vn',1,0,0,1);
"""

MAILCOW = f"""INSERT INTO `mailbox` (`username`,`password`,`name`,`kind`,`attributes`,`authsource`,\
`active`) VALUES
('giang@hagiang.gov.vn','{{BLF-CRYPT}}{BLF}','Giang','','{{\\"force_pw_update\\": \\"1\\"}}',\
'mailcow',1),
('khoa@hagiang.gov.vn','{{BLF-CRYPT}}{BLF}','','','{{\\"force_pw_update\\": \\"0\\"}}','mailcow',2),
('nghi@hagiang.gov.vn','{{BLF-CRYPT}}{BLF}','','','','mailcow',0),
('ngoai@hagiang.gov.vn','{{BLF-CRYPT}}{BLF}','','','','keycloak',1),
('phonghop@hagiang.gov.vn','{{BLF-CRYPT}}{BLF}','Phòng họp','location','','mailcow',1);
INSERT INTO `alias` (`id`,`address`,`goto`,`active`) VALUES
(1,'bo@hagiang.gov.vn','null@localhost',1),(2,'hoang.giang@hagiang.gov.vn','giang@hagiang.gov.vn',1);
"""

MODOBOA = f"""COPY public.admin_alias (id, address, enabled, internal, domain_id) FROM stdin;
1\tgiang@hagiang.gov.vn\tt\tt\t1
2\thoang.giang@hagiang.gov.vn\tt\tf\t1
3\tcu@hagiang.gov.vn\tf\tf\t1
\\.

COPY public.admin_aliasrecipient (id, address, alias_id, r_alias_id, r_mailbox_id) FROM stdin;
1\tgiang@hagiang.gov.vn\t1\t\\N\t1
2\tgiang@hagiang.gov.vn\t2\t\\N\t1
3\tgiang@hagiang.gov.vn\t3\t\\N\t1
\\.

COPY public.core_user (id, password, is_superuser, username, first_name, last_name, email, \
is_active, phone_number) FROM stdin;
1\t{SHA512}\tt\tadmin\t\t\t\tt\t\\N
2\t{SHA512}\tf\tgiang@hagiang.gov.vn\tHoàng\tGiang\tgiang@hagiang.gov.vn\tt\t+84912345678
3\t{SHA512}\tf\tnghi@hagiang.gov.vn\t\t\tnghi@hagiang.gov.vn\tf\t\\N
\\.
"""
