"""The rights that a run needs: the documented ones are enough, and a missing one is named at the start."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from brokers import LOGIN, SASL, opened
from fairpoll.base.errors import ClusterError
from fairpoll.base.waiting import wait_until
from fairpoll.cluster import Cluster, ClusterOptions
from fairpoll.cluster.leftovers import Registry
from fairpoll.cluster.local.cluster import LocalCluster
from fairpoll.contract.subject import Subject
from fixed_names import ALERTS, GROUP, ORDERS, guarantees, recorded

pytestmark = pytest.mark.local
# A broker that grants rights: `u` has all of them, `guest` those of a test.
GUEST = {**LOGIN, "sasl.username": "guest", "sasl.password": "secret-3"}
GUARDED = {
    **SASL,
    "listener.name.plaintext.plain.sasl.jaas.config": (
        SASL["listener.name.plaintext.plain.sasl.jaas.config"].rstrip(";") + ' user_guest="secret-3";'
    ),
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:u;User:ANONYMOUS",
}
READ, WRITE, DESCRIBE = AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE
LITERAL, PREFIXED = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED
TOPIC, GROUPS = ResourceType.TOPIC, ResourceType.GROUP
# The table in docs/how-to/use-your-own-cluster.md.
RIGHTS = {
    (TOPIC, ORDERS, LITERAL): {READ, WRITE, DESCRIBE},
    (TOPIC, ALERTS, LITERAL): {READ, WRITE, DESCRIBE},
    (TOPIC, "team-a.", PREFIXED): {AclOperation.CREATE, AclOperation.DELETE, READ, WRITE, DESCRIBE},
    (GROUPS, "team-a.", PREFIXED): {READ, DESCRIBE, AclOperation.DELETE},
    (GROUPS, GROUP, LITERAL): {READ, DESCRIBE},
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    registry, folder = Registry(), tmp_path_factory.mktemp("guarded")
    cluster = LocalCluster(ClusterOptions(folder), registry, server_properties=GUARDED, login=LOGIN)
    cluster.start()
    cluster.create_topics({ORDERS: 3, ALERTS: 1})
    yield cluster
    cluster.stop()
    registry.close()


@pytest.fixture
def guest(guarded: LocalCluster, tmp_path: Path, registry: Registry) -> Iterator[Cluster]:
    servers = guarded.client_config["bootstrap.servers"]
    options = {"bootstrap_servers": servers, "security": GUEST, "prefix": "team-a."}
    cluster, _ = opened("external", tmp_path, registry, **options)
    yield cluster
    cluster.stop()


def grant(guarded: LocalCluster, rights: dict[tuple[ResourceType, str, ResourcePatternType], set]) -> None:
    """These rights and no others to `guest`, effective when this returns."""
    admin, allow = AdminClient(guarded.client_config), AclPermissionType.ALLOW
    every = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
    )
    for future in admin.delete_acls([every]).values():
        future.result(20)
    wanted = [
        AclBinding(kind, name, pattern, "User:guest", "*", operation, allow)
        for (kind, name, pattern), operations in rights.items()
        for operation in operations
    ]
    for future in admin.create_acls(wanted).values():
        future.result(20)
    wait_until(lambda: len(admin.describe_acls(every).result(20)) == len(wanted), 20, "the rights")


@pytest.mark.slow
def test_the_documented_rights_are_enough(guarded: LocalCluster, guest: Cluster, tmp_path: Path):
    grant(guarded, RIGHTS)
    recording = recorded(guest, tmp_path, Subject.built_in("sync"), Subject.built_in("async"))
    assert guarantees(recording, "async") == {}
    admin = AdminClient(guarded.client_config)
    assert {ORDERS, ALERTS} == {name for name in admin.list_topics().topics if not name.startswith("__")}


@pytest.mark.parametrize(
    ("resource", "operation", "sentence"),
    [
        (
            (TOPIC, ORDERS, LITERAL),
            WRITE,
            rf"topic {ORDERS}: this user lacks the right Write on it; see",
        ),
        ((TOPIC, ALERTS, LITERAL), READ, rf"topic {ALERTS}: this user lacks the right Read on it"),
        ((GROUPS, GROUP, LITERAL), READ, rf"group {GROUP}: this user lacks the right Read on it"),
        (
            (GROUPS, "team-a.", PREFIXED),
            AclOperation.DELETE,
            r"group team-a\..+\.async: this user lacks the right Delete on it",
        ),
        (
            (TOPIC, "team-a.", PREFIXED),
            AclOperation.CREATE,
            r"topic team-a\.own\..+ could not be created: this user may not do that",
        ),
    ],
    ids=["write", "read a topic", "read a group", "delete", "create"],
)
def test_a_missing_right_is_named_before_anything_is_produced(
    resource, operation, sentence: str, guarded: LocalCluster, guest: Cluster, tmp_path: Path
):
    grant(guarded, {**RIGHTS, resource: RIGHTS[resource] - {operation}})
    # Without `group` every group is the run's own.
    changes = {f"group: {GROUP}\nreset_group: yes\n": ""} if operation == AclOperation.DELETE else {}
    with pytest.raises(ClusterError, match=sentence):
        recorded(guest, tmp_path, Subject.built_in("async"), changes=changes)


def test_a_topic_without_any_right_is_named(guarded: LocalCluster, guest: Cluster, tmp_path: Path):
    grant(guarded, {key: value for key, value in RIGHTS.items() if ORDERS not in key})
    with pytest.raises(ClusterError, match=rf"topic {ORDERS} could not be described: this user lacks the"):
        recorded(guest, tmp_path, Subject.built_in("async"))
