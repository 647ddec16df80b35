"""`lockstep kill`: the kill switch from another terminal, through the same door as the page."""

from typing import Any

import requests
from pydantic import SecretStr

from lockstep.engine.errors import ConfigError

from ..keys import check_address
from ..publishing import Action

TIMEOUT = 10.0


def switch(address: str, token: SecretStr, action: Action, reason: str) -> None:
    """Move the kill switch of the session whose page is at this address.

    Raises
    ------
    ConfigError
        If nothing answers there, or it refuses.
    """
    address = check_address("--address", address)
    with requests.Session() as client:
        client.trust_env = False
        client.headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        ticket = _post(client, f"{address}/actions", {"action": action})["ticket"]
        _post(client, f"{address}/actions/confirm", {"ticket": ticket, "reason": reason})


def _post(client: requests.Session, address: str, body: dict[str, str]) -> dict[str, Any]:
    try:
        answer = client.post(address, json=body, timeout=TIMEOUT, allow_redirects=False)
        found = answer.json()
    except requests.RequestException as error:
        raise ConfigError(
            f"no session answers at {address} ({type(error).__name__}); give --address as the session printed it"
        ) from None
    if not answer.ok or not isinstance(found, dict):
        raise ConfigError(
            f"the session refused: {found.get('error') if isinstance(found, dict) else answer.status_code}"
        )
    return found
