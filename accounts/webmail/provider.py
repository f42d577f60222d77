"""OAuth 2 and OpenID Connect by oauthlib: authorization codes with PKCE, rotated refresh tokens.

Nothing else that oauthlib knows is switched on: no implicit, password or client's own grant. It is
loaded where there is single sign-on, when somebody first asks.
"""

import base64
import hashlib
import json
import logging
import re
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from jwt.algorithms import RSAAlgorithm
from oauthlib.common import Request
from oauthlib.oauth2.rfc6749.endpoints import (
    AuthorizationEndpoint,
    IntrospectEndpoint,
    RevocationEndpoint,
    TokenEndpoint,
)
from oauthlib.oauth2.rfc6749.errors import InvalidRequestError, LoginRequired
from oauthlib.oauth2.rfc6749.grant_types.authorization_code import code_challenge_method_s256
from oauthlib.oauth2.rfc6749.tokens import BearerToken
from oauthlib.openid import RequestValidator
from oauthlib.openid.connect.core.endpoints.userinfo import UserInfoEndpoint
from oauthlib.openid.connect.core.grant_types import AuthorizationCodeGrant, RefreshTokenGrant

from accounts.models import Account, WebmailLogin
from accounts.webmail import logins, tokens
from accounts.webmail.clients import PLACE, Client
from accounts.webmail.logins import Turn
from accounts.webmail.tokens import Kind
from otp.counting import keyed_names

# At DEBUG it writes tokens.
logging.getLogger("oauthlib").setLevel(logging.WARNING)

SCOPES = ("openid", "email", "profile")
CLAIMS = ("sub", "email", "email_verified", "preferred_username", "name")
ALGORITHM = "RS256"

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_NONCE = re.compile(r"[\x20-\x7e]{0,255}")


class Validator(RequestValidator):
    """What oauthlib asks of one request: of the client that showed its secret, or of a person."""

    def __init__(self, client: Client | None = None) -> None:
        super().__init__()
        self._client = client

    # Where somebody is sent to log in

    def validate_client_id(self, client_id: str, request: Request, *_: Any) -> bool:
        request.client = Client.WEBMAIL
        return client_id == Client.WEBMAIL

    def validate_redirect_uri(
        self, client_id: str, redirect_uri: str, request: Request, *_: Any
    ) -> bool:
        return bool(redirect_uri == settings.WEBMAIL_SSO.redirect_uri)

    def get_default_redirect_uri(self, client_id: str, request: Request, *_: Any) -> str:
        return str(settings.WEBMAIL_SSO.redirect_uri)

    def validate_response_type(
        self,
        client_id: str,
        response_type: str,
        client: object,
        request: Request,
        *_: Any,
    ) -> bool:
        return response_type == "code"

    def is_pkce_required(self, client_id: str, request: Request) -> bool:
        return True

    def get_default_scopes(self, client_id: str, request: Request, *_: Any) -> list[str]:
        return list(SCOPES)

    def validate_scopes(
        self,
        client_id: str,
        scopes: list[str],
        client: object,
        request: Request,
        *_: Any,
    ) -> bool:
        return "openid" in scopes and set(scopes) <= set(SCOPES)

    def validate_silent_login(self, request: Request) -> bool:
        return True  # who is not logged in has not come so far

    def validate_silent_authorization(self, request: Request) -> bool:
        return True  # the office's own webmail: nobody is asked

    def validate_user_match(
        self, id_token_hint: str, scopes: list[str], claims: object, request: Request
    ) -> bool:
        return True

    # Who asks for tokens

    def client_authentication_required(self, request: Request, *_: Any) -> bool:
        return True

    def authenticate_client(self, request: Request, *_: Any) -> bool:
        if self._client is None:
            return False
        request.client, request.client_id = self._client, self._client.value
        return True

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: object, request: Request, *_: Any
    ) -> bool:
        return True  # those that are not switched on have not come so far

    # A code

    @sensitive_variables()
    def validate_code(
        self, client_id: str, code: str, client: object, request: Request, *_: Any
    ) -> bool:
        request.login = logins.by_code(code)
        if request.login is None:
            return False
        request.user, request.scopes = request.login.account, list(SCOPES)
        return True

    def get_code_challenge(self, code: str, request: Request) -> str:
        return str(request.login.challenge)

    def get_code_challenge_method(self, code: str, request: Request) -> str:
        return "S256"

    def confirm_redirect_uri(
        self,
        client_id: str,
        code: str,
        redirect_uri: str,
        client: object,
        request: Request,
        *_: Any,
    ) -> bool:
        if redirect_uri != settings.WEBMAIL_SSO.redirect_uri:
            return False
        # The last that is looked at.
        request.turn = logins.open_by_code(request.login)
        return True

    def get_authorization_code_nonce(
        self, client_id: str, code: str, redirect_uri: str, request: Request
    ) -> str | None:
        return request.login.nonce or None

    def save_token(self, token: object, request: Request, *_: Any) -> None:
        """Do nothing: no token is stored."""

    def invalidate_authorization_code(
        self, client_id: str, code: str, request: Request, *_: Any
    ) -> None:
        """Do nothing: it was spent when the first tokens came into force."""

    # A refresh token

    @sensitive_variables()
    def validate_refresh_token(
        self, refresh_token: str, client: object, request: Request, *_: Any
    ) -> bool:
        request.turn = logins.by_refresh_token(refresh_token)
        if request.turn is None:
            return False
        request.user = request.turn.login.account
        return True

    def get_original_scopes(self, refresh_token: str, request: Request, *_: Any) -> list[str]:
        return list(SCOPES)

    def rotate_refresh_token(self, request: Request) -> bool:
        return True

    def refresh_id_token(self, request: Request) -> bool:
        return False

    # What becomes of tokens

    @sensitive_variables()
    def introspect_token(
        self, token: str, token_type_hint: str, request: Request, *_: Any
    ) -> dict[str, Any] | None:
        turn = logins.by_access_token(token)
        if turn is None:
            return None
        account = turn.login.account
        return {
            "iss": issuer(),
            "client_id": Client.WEBMAIL.value,
            "scope": " ".join(SCOPES),
            "sub": _subject(account),
            "username": account.address,
            "login": logins.mail_name(turn.login),
            "exp": int(timezone.now().timestamp()) + turn.seconds_left,
        }

    @sensitive_variables()
    def revoke_token(self, token: str, token_type_hint: str, request: Request, *_: Any) -> None:
        logins.end_by_token(token)

    @sensitive_variables()
    def validate_bearer_token(self, token: str, scopes: list[str], request: Request) -> bool:
        request.turn = logins.by_access_token(token) if token else None
        return request.turn is not None

    def get_userinfo_claims(self, request: Request) -> dict[str, Any]:
        return _claims(request.turn.login.account)

    @sensitive_variables()
    def finalize_id_token(
        self, id_token: dict[str, Any], token: object, token_handler: object, request: Request
    ) -> str:
        login: WebmailLogin = request.login
        claims = id_token | _claims(login.account)
        claims |= {"iss": issuer(), "exp": id_token["iat"] + request.turn.seconds_left}
        claims |= {"auth_time": int(login.begun_at.timestamp())}
        return jwt.encode(claims, _key(), algorithm=ALGORITHM, headers={"kid": public_key()["kid"]})


class Provider(
    AuthorizationEndpoint, TokenEndpoint, IntrospectEndpoint, RevocationEndpoint, UserInfoEndpoint
):
    """Answers requests as the validator lets it."""

    def __init__(self, validator: Validator) -> None:
        bearer = BearerToken(
            validator,
            token_generator=lambda request: _token(Kind.ACCESS, request.turn),
            refresh_token_generator=lambda request: _token(Kind.REFRESH, request.turn),
            expires_in=lambda request: request.turn.seconds_left,
        )
        by_code = AuthorizationCodeGrant(validator)
        # RFC 7636 has a second method, which protects nothing that can be read on the way.
        by_code.proxy_target._code_challenge_methods = {"S256": code_challenge_method_s256}  # noqa: SLF001
        by_code.custom_validators.post_auth.append(_refuse_unfit)
        grants = {"authorization_code": by_code, "refresh_token": RefreshTokenGrant(validator)}
        AuthorizationEndpoint.__init__(self, "code", bearer, {"code": by_code})
        TokenEndpoint.__init__(self, "authorization_code", bearer, grants)
        IntrospectEndpoint.__init__(self, validator)
        RevocationEndpoint.__init__(self, validator)
        UserInfoEndpoint.__init__(self, validator)


def issuer() -> str:
    return f"{settings.PUBLIC_BASE_URL}{PLACE.rstrip('/')}"


def description() -> dict[str, object]:
    """Describe the provider as OpenID Connect Discovery 1.0 does."""
    at = f"{settings.PUBLIC_BASE_URL}{PLACE}"
    by_secret = ["client_secret_basic", "client_secret_post"]
    return {
        "issuer": issuer(),
        "authorization_endpoint": f"{at}authorize",
        "token_endpoint": f"{at}token",
        "userinfo_endpoint": f"{at}userinfo",
        "introspection_endpoint": f"{at}introspect",
        "revocation_endpoint": f"{at}revoke",
        "jwks_uri": f"{at}jwks",
        "scopes_supported": list(SCOPES),
        "claims_supported": list(CLAIMS),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": by_secret,
        "introspection_endpoint_auth_methods_supported": by_secret,
        "revocation_endpoint_auth_methods_supported": by_secret,
        "authorization_response_iss_parameter_supported": True,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


def public_key() -> dict[str, Any]:
    """Give the key by which what is signed is checked, as a JWK."""
    told: dict[str, Any] = RSAAlgorithm.to_jwk(_key().public_key(), as_dict=True)
    known = {name: told[name] for name in ("e", "kty", "n")}
    # Its name is its thumbprint (RFC 7638).
    digest = hashlib.sha256(json.dumps(known, separators=(",", ":")).encode()).digest()
    name = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return known | {"kid": name, "alg": ALGORITHM, "use": "sig"}


def _refuse_unfit(request: Request) -> dict[str, object]:
    """Refuse what the portal would have to pass over in silence."""
    if not _CHALLENGE.fullmatch(request.code_challenge):
        raise InvalidRequestError("code_challenge", request=request)
    if not _NONCE.fullmatch(request.nonce or ""):
        raise InvalidRequestError("nonce", request=request)
    if "login" in (request.prompt or "").split() or request.max_age is not None:
        # Whoever is logged in is not asked again.
        raise LoginRequired(request=request)
    return {}


def _token(kind: Kind, turn: Turn) -> str:
    return tokens.make(kind, turn.login, turn.number)


def _claims(account: Account) -> dict[str, Any]:
    return {
        "sub": _subject(account),
        "email": account.address,
        "email_verified": True,
        "preferred_username": account.address,
        "name": account.full_name,
    }


def _subject(account: Account) -> str:
    """Give who it is, to the webmail: as long as there is the account."""
    return keyed_names.oldest_name_of("webmail-subject", str(account.pk))


def _key() -> RSAPrivateKey:
    key = load_pem_private_key(settings.WEBMAIL_SSO.key.encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return key
