#!/bin/sh
# Makes a root of Debian 13, which has Dovecot 2.4, for tests/mail_system/test_dovecot_24.py:
#     sh tests/rehearsals/trixie.sh /var/tmp/trixie
#     DOVECOT_24_ROOT=/var/tmp/trixie make test ARGS=tests/mail_system/test_dovecot_24.py
# Needs root and debootstrap. Nothing of this machine is mounted into it.
set -eu
root=${1:?where to, such as /var/tmp/trixie}
[ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase trixie "$root"
# Nothing is to start by itself.
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
chroot "$root" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -qq --yes --no-install-recommends dovecot-imapd dovecot-lmtpd dovecot-pgsql
chroot "$root" dovecot --version
