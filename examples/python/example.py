import os
import sys
import time
import uuid
from collections.abc import Callable

from ippoold import ApiClient, ApiException, AssignRequest, Assignment, Configuration, IpamApi, IPPool, IPPoolSpec
from ippoold import ObjectMeta, ResourcesApi, Status, StatusReason
from urllib3.exceptions import HTTPError

NAME = "example-python"
TRIES_MAX = 5

server = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
client = ApiClient(Configuration(host=server, access_token=os.environ.get("IPAM_TOKEN")))
ipam, resources = IpamApi(client), ResourcesApi(client)


def status(refused: ApiException) -> Status:
    """What the server says of a call that it refused."""
    if not isinstance(refused.data, Status):
        raise refused
    return refused.data


def assign(handle: str, ipv4: int) -> Assignment | None:
    """Assigns addresses once, however often it has to ask: the key is made for the wish, not for the call."""
    key = str(uuid.uuid4())
    wish = AssignRequest(handle=handle, ipv4=ipv4, pools=[NAME])
    for tries in range(1, TRIES_MAX + 1):
        try:
            return ipam.assign_addresses(wish, idempotency_key=key)
        except HTTPError:  # The connection was lost, and the answer with it.
            if tries == TRIES_MAX:
                raise
        except ApiException as refused:
            told = status(refused)
            if told.reason == StatusReason.INSUFFICIENT_ADDRESSES:
                return None
            if told.reason != StatusReason.SERVICE_UNAVAILABLE or tries == TRIES_MAX:
                raise
            time.sleep((told.details and told.details.retry_after_seconds) or 1)
    raise AssertionError("the last try returns or raises")


def change_pool(change: Callable[[IPPool], None]) -> None:
    """Changes a pool as it is at that moment: when somebody else was faster, the change is made to theirs."""
    while True:
        pool = resources.read_ip_pool(NAME)
        change(pool)
        try:
            resources.replace_ip_pool(NAME, pool)
            return
        except ApiException as refused:
            if status(refused).reason != StatusReason.CONFLICT:
                raise
            print("somebody else changed the pool")


def masquerade(pool: IPPool) -> None:
    pool.spec.nat_outgoing = True


try:
    resources.create_ip_pool(IPPool(metadata=ObjectMeta(name=NAME), spec=IPPoolSpec(cidr="10.64.0.0/26")))
    print("created the pool")
except ApiException as refused:
    if status(refused).reason != StatusReason.ALREADY_EXISTS:
        raise
    print("the pool is there")

assigned = assign(NAME, 3)
print(f"assigned {len(assigned.addresses) if assigned else 0} addresses")
if assign(NAME, 1000) is None:
    print("there are not as many")

token: str | None = None
while True:
    page = ipam.list_addresses(handle=NAME, limit=2, var_continue=token)
    for allocation in page.addresses:
        print("holds", allocation.address)
    if (token := page.var_continue) is None:
        break

change_pool(masquerade)
print("replaced the pool")

gone = ipam.release_handle(NAME)
print(f"released {len(gone.released)} addresses")
