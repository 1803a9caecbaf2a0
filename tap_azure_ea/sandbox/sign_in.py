"""Signing in: tokens for clients that know the secret, and refusals as Microsoft Entra words them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import count

from tap_azure_ea.sandbox.bill import Bill
from tap_azure_ea.sandbox.catalogue import guid
from tap_azure_ea.sandbox.messages import Request, Response, encode, error

TENANT_ID = guid("tenant")
CLIENT_ID = guid("client")
CLIENT_SECRET = "sandbox-client-secret"  # noqa: S105 - opens nothing but the sandbox
ACCESS_TOKEN = "sandbox-access-token"  # noqa: S105 - opens nothing but the sandbox
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

PATH = re.compile(r"/(?P<tenant>[^/]+)/(v2\.0/\.well-known/openid-configuration|(?P<token>oauth2/v2\.0/token))")

_CHECK_TENANT = (
    "Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your "
    "subscription administrator, this may happen if there are no active subscriptions for the tenant."
)
_CHECK_CLIENT = (
    "This can happen if the application has not been installed by the administrator of the tenant or consented to by "
    "any user in the tenant. You may have sent your authentication request to the wrong tenant."
)
_CHECK_SCOPE = (
    "Client credential flows must have a scope value with /.default suffixed to the resource identifier "
    "(application ID URI)."
)
_CHECK_VALUE = (
    "Ensure the secret being sent in the request is the client secret value, not the client secret ID, "
    "for a secret added to app"
)
_CHECK_CREDENTIAL = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."


@dataclass
class SignIn:
    """Issues a new token at each sign-in; ``ACCESS_TOKEN`` is one that was issued before."""

    bill: Bill
    _valid: set[str] = field(default_factory=lambda: {ACCESS_TOKEN})
    _expired: set[str] = field(default_factory=set)
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def answer(self, request: Request) -> Response:
        """Answer a request to a path that ``PATH`` describes."""
        route = PATH.fullmatch(request.path)
        if not route or route["tenant"].lower() != TENANT_ID:
            tenant = route["tenant"] if route else ""
            return self._refused(400, "invalid_request", 90002, f"Tenant '{tenant}' not found. {_CHECK_TENANT}")
        return self._token(request.form) if route["token"] else _configuration(request)

    def expire(self) -> None:
        """Expire every token that was issued so far."""
        self._expired |= self._valid
        self._valid.clear()

    def refusal(self, request: Request) -> Response | None:
        """Refuse a request without a valid token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            message = "Authentication failed. The 'Authorization' header is missing."
            return error(401, message, "AuthenticationFailed")
        if token in self._expired:
            times = (f"'{self.bill.today:%m/%d/%Y} {hour}:00:00 AM'" for hour in (8, 9))
            message = "The access token expiry UTC time {} is earlier than current UTC time {}.".format(*times)
            return error(401, message, "ExpiredAuthenticationToken")
        if token not in self._valid:
            return error(401, "The access token is invalid.", "InvalidAuthenticationToken")
        return None

    def _token(self, form: dict[str, str]) -> Response:
        client, scope, grant = (form.get(name, "") for name in ("client_id", "scope", "grant_type"))
        if grant != "client_credentials":
            message = f"The app requested an unsupported grant type '{grant}'."
            return self._refused(400, "unsupported_grant_type", 70003, message)
        if client.lower() != CLIENT_ID:
            message = (
                f"Application with identifier '{client}' was not found in the directory 'Sandbox'. {_CHECK_CLIENT}"
            )
            return self._refused(400, "unauthorized_client", 700016, message)
        if not scope.endswith("/.default"):
            message = f"The provided value for scope {scope} is not valid. {_CHECK_SCOPE}"
            return self._refused(400, "invalid_scope", 1002012, message)
        return self._credential_refusal(form) or self._issue()

    def _credential_refusal(self, form: dict[str, str]) -> Response | None:
        if form.get("client_assertion") and form.get("client_assertion_type") == ASSERTION:
            return None
        if "client_secret" not in form:
            return self._refused(401, "invalid_client", 7000218, _CHECK_CREDENTIAL)
        if form["client_secret"] != CLIENT_SECRET:
            message = f"Invalid client secret provided. {_CHECK_VALUE} '{form['client_id']}'."
            return self._refused(401, "invalid_client", 7000215, message)
        return None

    def _issue(self) -> Response:
        token = f"sandbox-token-{next(self._numbers):04d}"
        self._valid.add(token)
        lifetime = {"expires_in": 3599, "ext_expires_in": 3599}
        return Response(200, encode({"token_type": "Bearer", **lifetime, "access_token": token}))

    def _refused(self, status: int, kind: str, code: int, message: str) -> Response:
        trace, correlation, time = guid(f"{code} trace"), guid(f"{code} correlation"), f"{self.bill.today} 09:30:00Z"
        answer = {
            "error": kind,
            "error_description": f"AADSTS{code}: {message} "
            f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}",
            "error_codes": [code],
            "timestamp": time,
            "trace_id": trace,
            "correlation_id": correlation,
        }
        return Response(status, encode(answer))


def _configuration(request: Request) -> Response:
    tenant = f"https://{request.headers['host']}/{TENANT_ID}"
    configuration = {
        "issuer": f"{tenant}/v2.0",
        "authorization_endpoint": f"{tenant}/oauth2/v2.0/authorize",
        "token_endpoint": f"{tenant}/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
    }
    return Response(200, encode(configuration))
