"""Checks before a run what would end it: the cluster, its topics, the group and the rights on both."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairpoll.base.errors import ClusterError, FairpollError
from fairpoll.base.text import count_text
from fairpoll.cluster.base import Cluster, brokers_text
from fairpoll.cluster.shared import SharedAdmin
from fairpoll.contract.subject import Subject
from fairpoll.run.attached import require_attachable, why_not_owner
from fairpoll.run.names import topic_names
from fairpoll.scenarios.model import Scenario

# Stands for the run id in the names of topics that a run makes.
RUN_ID = ".<run id>"


@dataclass
class Preflight:
    """What was seen, for people and for `--json`; `stage` is what is being checked.

    `topics` have `name`, `on_cluster`, `state` and `partitions`; `group` has `name`, and if it exists `type`,
    `state` and `members`. `rights` has a line for each topic and group. A run can begin without `obstacles`.
    """

    cluster: dict[str, Any] = field(default_factory=dict)
    topics: list[dict[str, Any]] = field(default_factory=list)
    group: dict[str, Any] = field(default_factory=dict)
    rights: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    criteria: dict[str, Any] = field(default_factory=dict)
    obstacles: list[str] = field(default_factory=list)
    stage: str = "the consumer"

    def attempt(self, stage: str, check: Any, *arguments: Any) -> bool:
        """Do one check; a FairpollError is an obstacle. Returns whether there was none."""
        self.stage = stage
        try:
            check(*arguments)
        except FairpollError as error:
            if str(error) not in self.obstacles:
                self.obstacles.append(str(error))
            return False
        return True


def check_cluster(
    found: Preflight, cluster: Cluster, scenario: Scenario, consumer: Subject, log_folder: Path
) -> None:
    """Check the topics, the group and the rights of a run on this cluster, which answers."""
    admin = SharedAdmin(cluster.client_config, log_folder / "check.log")
    try:
        metadata = admin.metadata()
        if metadata is None:
            raise ClusterError("the cluster has stopped answering")
        brokers = sorted(f"{broker.host}:{broker.port}" for broker in metadata.brokers.values())
        found.cluster |= {"brokers": brokers, "cluster_id": metadata.cluster_id}
        found.attempt("the topics", _check_topics, found, admin, scenario, cluster.prefix)
        found.attempt("the group", _check_group, found, admin, scenario, consumer, cluster.prefix)
    finally:
        admin.close()


def plan_topics(found: Preflight, scenario: Scenario, prefix: str = "") -> None:
    """The topics of a run on a cluster that it starts itself: all are new."""
    for topic, name in topic_names(scenario, RUN_ID, prefix).items():
        partitions = next(one.partitions for one in scenario.topics if one.name == topic)
        found.topics.append(_topic(topic, name, "will be made", partitions))


def _topic(name: str, on_cluster: str, state: str, partitions: int) -> dict[str, Any]:
    return {"name": name, "on_cluster": on_cluster, "state": state, "partitions": partitions}


def _check_topics(found: Preflight, admin: SharedAdmin, scenario: Scenario, prefix: str) -> None:
    names = topic_names(scenario, RUN_ID, prefix)
    fixed = [topic.fixed_name for topic in scenario.topics if topic.fixed_name]
    existing = admin.topics(fixed)
    for topic in scenario.topics:
        name = names[topic.name]
        described = existing.get(topic.fixed_name)
        if described is None and topic.create:
            found.topics.append(_topic(topic.name, name, "will be made", topic.partitions))
            continue
        count = len(described.partitions) if described else 0
        found.topics.append(_topic(topic.name, name, "exists" if described else "is missing", count))
        found.attempt("the topics", admin.require_topics, {name: topic.partitions})
        if described:
            _check_rights(found, "topic", name, described.authorized_operations)
            found.attempt("the rights", admin.require_rights, {name: False}, {})


def _check_rights(found: Preflight, kind: str, name: str, allowed: Any) -> None:
    rights = "not reported" if allowed is None else ", ".join(sorted(o.name.capitalize() for o in allowed))
    found.rights.append(f"{kind} {name}: {rights}")


def _check_group(
    found: Preflight, admin: SharedAdmin, scenario: Scenario, consumer: Subject, prefix: str
) -> None:
    if not scenario.group:
        found.group |= {"name": f"{prefix or 'fairpoll.'}<run id>.{consumer.name}", "state": "will be made"}
        return
    group = admin.group(scenario.group)
    found.group |= {"name": scenario.group, "state": "does not exist"}
    if group is not None:
        found.group |= {
            "type": group.type.name.lower(),
            "state": group.state.name.lower().replace("_", " "),
            "members": len(group.members),
        }
        _check_rights(found, "group", scenario.group, group.authorized_operations)
        found.attempt("the rights", admin.require_rights, {}, {scenario.group: False})
    if not consumer.attach:
        admin.require_no_members(scenario.group)
        return
    require_attachable(scenario, consumer)
    wanted = {(t.fixed_name, n) for t in scenario.topics for n in range(t.partitions)}
    if why := why_not_owner(admin, scenario.group, wanted):
        raise ClusterError(f"ATTACH: {why}")


def described(found: Preflight) -> str:
    """What was seen, as lines for people."""
    brokers = found.cluster.get("brokers", ())
    seen = f", {brokers_text(len(brokers))} ({', '.join(brokers)})" if brokers else ""
    rows = [("cluster", f"{found.cluster.get('description', 'not connected')}{seen}")]
    for topic in found.topics:
        count = f", {count_text(topic['partitions'], 'partition')}" if topic["partitions"] else ""
        rows.append(("topic", f"{topic['on_cluster']}: {topic['state']}{count}"))
    if group := found.group:
        members = f", {count_text(group['members'], 'member')}" if "members" in group else ""
        kind = f"{group['type']}, " if "type" in group else ""
        rows.append(("group", f"{group['name']}: {kind}{group['state']}{members}"))
    rows += [("rights", line) for line in found.rights]
    rows += [("evidence", line) for line in found.evidence]
    rows += [("judged", ", ".join(found.criteria["judged"]))] if found.criteria else []
    for name, key in (("if shown", "if_shown"), ("not judged", "not_judged")):
        rows += [(name, f"{', '.join(names)}: {why}") for why, names in found.criteria.get(key, {}).items()]
    rows += [("obstacle", line) for line in found.obstacles] or [("result", "a run can begin")]
    return "\n".join(f"{name:<11} {text}" for name, text in rows)
