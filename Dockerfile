# Two images: the portal (web pages, sender, worker, backup), which is built unless another is
# named, and `proxy`, nginx before it. compose.yaml shows both.

# A tag moves with the security updates of its publisher; NAME@sha256:… stays: docs/operate.md.
ARG PYTHON_IMAGE=python:3.14-slim-trixie

FROM ${PYTHON_IMAGE} AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY deploy/requirements.txt /tmp/requirements.txt
RUN /opt/venv/bin/pip install --require-hashes --only-binary :all: -r /tmp/requirements.txt

# --build-arg LDAP=1: with what a directory needs, which is compiled.
ARG LDAP=0
COPY deploy/requirements-ldap.txt /tmp/requirements-ldap.txt
RUN if [ "$LDAP" = 1 ]; then apt-get update -qq \
    && apt-get install -qq --yes --no-install-recommends gcc libc6-dev libldap-dev libsasl2-dev \
    && /opt/venv/bin/pip install --require-hashes -r /tmp/requirements-ldap.txt; fi

# What nothing of the portal reads is more than half of that.
# Where on Earth a number is from, and by whose network: asked of none.
RUN cd /opt/venv/lib/python3*/site-packages/phonenumbers && rm -r geodata carrierdata tzdata
# All else that Twilio sells: an SMS goes by `api`.
RUN cd /opt/venv/lib/python3*/site-packages/twilio/rest \
    && find . -mindepth 1 -maxdepth 1 -type d ! -name api ! -name __pycache__ -exec rm -r {} +
# Django's own sentences in languages that no page has.
RUN cd /opt/venv/lib/python3*/site-packages/django \
    && find . -path '*/locale/*/LC_MESSAGES' ! -path '*/vi/*' ! -path '*/en/*' -prune -exec rm -r {} +
# Nothing is installed into the image any more.
RUN /opt/venv/bin/pip uninstall --yes --quiet pip

# The programs of PostgreSQL that backups need, without Perl, in which Debian's choice among several
# versions of them is written.
FROM ${PYTHON_IMAGE} AS postgresql
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends postgresql-client
RUN mkdir /opt/postgresql && cd /usr/lib/postgresql/*/bin && cp pg_dump pg_restore psql /opt/postgresql/

FROM ${PYTHON_IMAGE} AS proxy
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends nginx-light \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && ln -sf /dev/stdout /var/log/nginx/mailportal.log \
    && ln -sf /dev/stderr /var/log/nginx/mailportal-error.log \
    && mkdir -p /var/www/acme
COPY deploy/nginx.conf deploy/nginx-first.conf /usr/local/share/mailportal/
COPY --chmod=755 deploy/proxy /usr/local/bin/mailportal-proxy
EXPOSE 80 443
STOPSIGNAL SIGQUIT
CMD ["mailportal-proxy"]

FROM ${PYTHON_IMAGE} AS portal
# For backups; pg_dump must not be older than the database of compose.yaml. openssl signs the file
# for iPhones. The libraries are what the programs of PostgreSQL are linked with.
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends age openssl \
    libpq5 liblz4-1 libreadline8 libzstd1 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY --from=postgresql /opt/postgresql /usr/local/bin/
RUN pg_dump --version && pg_restore --version && psql --version
ARG LDAP=0
RUN if [ "$LDAP" = 1 ]; then apt-get update -qq \
    && apt-get install -qq --yes --no-install-recommends '^libldap-?2(\.5-0)?$' \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*; fi
# The last place lets `docker compose run --rm web manage.py COMMAND` find manage.py.
ENV PATH=/opt/venv/bin:$PATH:/opt/mailportal PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin mailportal \
    && install --directory --mode=700 --owner=10001 /var/backups/mailportal
COPY --from=packages /opt/venv /opt/venv
WORKDIR /opt/mailportal
COPY . .
# The settings want to be whole even here; nothing of this stays in the image.
RUN SECRET_KEY=build-only OTP_PEPPER=build-only PUBLIC_BASE_URL=https://build.invalid \
    DATABASE_URL=postgresql://build.invalid/build \
    python manage.py collectstatic --noinput
# Else each process compiles all modules of the portal at its start: nothing is written later.
RUN python -m compileall -q .
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", "\
import os, urllib.request; \
urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8000') + '/healthz', timeout=4)"]
# Large pages for large blocks: each password hash takes 19 MiB.
ENV GLIBC_TUNABLES=glibc.malloc.hugetlb=1
CMD ["python", "deploy/web_server.py", "--config", "deploy/gunicorn.conf.py", "mailportal.wsgi"]
