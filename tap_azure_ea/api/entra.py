"""Signing in with Microsoft Entra: azure-identity asks for the tokens, and renews them in time.

https://learn.microsoft.com/python/api/overview/azure/identity-readme
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from time import time
from typing import TYPE_CHECKING, Any

from tap_azure_ea.api.errors import SignInError, UnavailableError
from tap_azure_ea.api.urls import without_secrets

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken as AzureToken
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline import PipelineResponse

METHODS = ("client_secret", "client_certificate", "workload_identity", "managed_identity", "azure_cli", "default")
RENEWED_BEFORE = 300
NO_CLAIMS = "No claims present"

_REMEDIES = {
    "AADSTS7000215": "client_secret is not one of the application's: set the secret's value, not its id.",
    "AADSTS7000222": "client_secret has expired: add a new one to the application.",
    "AADSTS700016": "client_id is not an application of the tenant: check client_id and tenant_id.",
    "AADSTS700027": "The certificate is not one of the application's: upload it, or check client_certificate_path.",
    "AADSTS70021": "The application trusts no federated credential of this issuer and subject: add one to it.",
    "AADSTS700213": "The application trusts no federated credential of this issuer and subject: add one to it.",
    "AADSTS90002": "tenant_id is not a tenant of this cloud: check tenant_id and cloud.",
    "AADSTS900023": "tenant_id is not the id of a tenant: check it.",
    "AADSTS500011": "The tenant does not know Azure Resource Manager under this address: check cloud.",
}
_OTHERWISE = "Check tenant_id, client_id, credential, login_url, cloud and the network."
_CODE = re.compile(r"AADSTS\d+")


@dataclass(frozen=True)
class AccessToken:
    """A token that somebody else asked for, good until it expires."""

    token: str = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The token."""
        return (self.token,)

    def authorization(self) -> str:
        """Return it as Azure wants it."""
        return f"Bearer {self.token}"

    def renew(self, refusal: str) -> bool:  # noqa: ARG002 - whatever the words are
        """Say no: only who set it can renew it."""
        return False


@dataclass(frozen=True)
class Identity:
    """Who signs in, how (one of ``METHODS``) and where.

    A ``private`` authority is one that Entra does not vouch for; ``certificate_authority`` is the path of what vouches
    for its TLS, if that is nobody whom everybody trusts.
    """

    method: str
    login_url: str
    scope: str
    tenant_id: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    client_certificate_path: str = ""
    client_certificate_password: str = field(default="", repr=False)
    private: bool = False
    certificate_authority: str = ""

    def credential(self, tell: Callable[[PipelineResponse[Any, Any]], None]) -> TokenCredential:
        """Return azure-identity's credential; ``tell`` is shown every answer to it."""
        # It takes half a second to load.
        from azure import identity as azure  # noqa: PLC0415

        tenant_id, client_id = self.tenant_id or None, self.client_id or None
        told: dict[str, Any] = {"raw_response_hook": tell}
        options = {**told, "authority": self.login_url, "disable_instance_discovery": self.private}
        if self.certificate_authority:
            options["connection_verify"] = self.certificate_authority
        match self.method:
            case "client_secret":
                return azure.ClientSecretCredential(self.tenant_id, self.client_id, self.client_secret, **options)
            case "client_certificate":
                options["password"] = self.client_certificate_password or None
                path = self.client_certificate_path
                return azure.CertificateCredential(self.tenant_id, self.client_id, path, **options)
            case "workload_identity":
                return azure.WorkloadIdentityCredential(tenant_id=tenant_id, client_id=client_id, **options)
            case "managed_identity":
                return azure.ManagedIdentityCredential(client_id=client_id, **told)
            case "azure_cli":
                return azure.AzureCliCredential(tenant_id=self.tenant_id)
        ids = {"managed_identity_client_id": client_id, "workload_identity_client_id": client_id} if client_id else {}
        tenants = {"additionally_allowed_tenants": [tenant_id], "workload_identity_tenant_id": tenant_id}
        return azure.DefaultAzureCredential(**(tenants if tenant_id else {}), **ids, **options)


class SignIn:
    """One sign-in of one tap; the token is kept until shortly before it expires."""

    def __init__(self, identity: Identity, logger: logging.Logger) -> None:
        self.secrets = {identity.client_secret, identity.client_certificate_password}
        self._identity = identity
        self._logger = logger
        self._credential: TokenCredential | None = None
        self._token: AzureToken | None = None
        for name in ("azure", "msal"):
            # What they log of every request and every refusal, the lines and the errors here say better.
            logging.getLogger(name).setLevel(logging.CRITICAL)

    def authorization(self) -> str:
        """Return a token that is good for the next minutes, or say why there is none."""
        # Not every credential of azure-identity keeps its token: that of the Azure CLI starts a process each time.
        if self._token is None or self._token.expires_on - time() < RENEWED_BEFORE:
            self._token = self._ask()
            self.secrets.add(self._token.token)
        return f"Bearer {self._token.token}"

    def renew(self, refusal: str) -> bool:
        """Forget the token, for a fresh one may help; it does not where a role is missing."""
        self._credential = self._token = None
        return NO_CLAIMS not in refusal

    def _ask(self) -> AzureToken:
        # Only who signs in needs to load it.
        from azure.core import exceptions as azure  # noqa: PLC0415

        try:
            self._credential = self._credential or self._identity.credential(self._tell)
            return self._credential.get_token(self._identity.scope, **_tenant(self._identity))
        except (azure.ServiceRequestError, azure.ServiceResponseError) as error:
            raise UnavailableError(self._explain(error)) from None
        except (azure.AzureError, ValueError, OSError) as error:
            raise SignInError(self._explain(error)) from None

    def _tell(self, answer: PipelineResponse[Any, Any]) -> None:
        status = answer.http_response.status_code
        if status in {408, 429} or status >= 500:  # noqa: PLR2004 - what azure-core tries again
            self._logger.warning("Signing in with Microsoft Entra was answered %d: trying again", status)

    def _explain(self, error: Exception) -> str:
        said = without_secrets(" ".join(str(error).split()), self.secrets)
        remedy = next((_REMEDIES[code] for code in _CODE.findall(said) if code in _REMEDIES), _OTHERWISE)
        return f'Signing in with Microsoft Entra failed: "{said}". {remedy}'


def _tenant(identity: Identity) -> dict[str, Any]:
    """Name the tenant in the request where the credential was not made for one: those of the default chain."""
    return {"tenant_id": identity.tenant_id} if identity.method == "default" and identity.tenant_id else {}
