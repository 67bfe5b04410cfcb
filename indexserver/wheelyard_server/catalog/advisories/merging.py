"""Merges the records that are known and those that a feed sends into those in force. Pure.

The later one of two states of a record counts: an export may be older than single records that
were read before it. Records that a feed takes away are checked; those that it adds never wait.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from wheelyard_server.catalog.advisories.layers import Layer, merged_others
from wheelyard_server.catalog.advisories.pointer import Amount
from wheelyard_server.feed import Record
from wheelyard_server.policy.advisories import joined, parted, unpacked_one
from wheelyard_server.policy.moments import shown_past
from wheelyard_server.sliced import Slices

LEAST_SHARE = 0.9
"""A feed that has fewer than this share of the records that it had waits for a person."""
_AT_ONCE = 200

Records = Mapping[str, Record]
"""By id; those without advisories are withdrawn, or cannot be read."""


class Merged(NamedTuple):
    """The records that are in force from now on."""

    records: Records
    refused: str = ""
    """Why some that the feed takes away stay in force; "" if it takes away little."""
    offered: Amount = Amount()
    """What would be in force without that."""


def known_records(layers: Sequence[Layer]) -> Slices[dict[str, Record]]:
    """Return all records of the layers, the first of which counts most."""
    by_id: dict[str, dict[str, bytes]] = defaultdict(dict)
    heads: dict[str, _Head] = {}
    names = {name: body for layer in reversed(layers) for name, body in layer.names.items()}
    for number, (name, body) in enumerate(names.items()):
        for part in parted(body):
            head = _HEADS.decode(part)
            by_id[head.id][name], heads[head.id] = part, head
        if number % _AT_ONCE == 0:
            yield
    records = {
        id_: Record(id=id_, modified=head.modified or head.published, packed=by_id[id_], is_malware=head.is_malware)
        for id_, head in heads.items()
    }
    for id_, changed in merged_others(layers).items():
        records.setdefault(id_, nothing(id_, changed))
    return records


def nothing(identifier: str, modified: datetime) -> Record:
    """Return a record that says nothing."""
    return Record(id=identifier, modified=modified)


def layer_of(records: Records, names: Collection[str] | None = None, ids: Iterable[str] = ()) -> Slices[Layer]:
    """Return the layer of all records, or of these `names` and these records (`ids`) only."""
    by_name: dict[str, list[Record]] = {name: [] for name in names or ()}
    digests: dict[str, str] = {}
    for number, record in enumerate(records.values()):
        for name, body in record.packed.items():
            if names is None or name in by_name:
                by_name.setdefault(name, []).append(record)
                digests.update(dict.fromkeys(unpacked_one(body).digests if record.is_malware else (), name))
        if number % _AT_ONCE == 0:
            yield
    silent = (records[id_] for id_ in (records if names is None else ids) if not records[id_].packed)
    return Layer(
        {name: joined(tuple(one.packed[name] for one in sorted(each, key=_id))) for name, each in by_name.items()},
        {record.id: record.modified for record in silent},
        digests,
    )


def amount_of(records: Records) -> Amount:
    """Return how much these records are."""
    speaking = [record for record in records.values() if record.packed]
    malware = sum(record.is_malware for record in speaking)
    changed = max((record.modified for record in records.values()), default=None)
    return Amount(records=len(speaking), malware=malware, changed=changed)


def merge_export(
    known: Records, sent: Records, unreadable: Collection[str], reference: Amount, accepted: Amount | None
) -> Merged:
    """Return the records in force after an export; `reference` is the amount of the one before."""
    offered = amount_of(sent)
    youngest = offered.changed
    newer = {id_: each for id_, each in known.items() if _is_newer(each, sent.get(id_))}
    kept = {
        id_: each
        for id_, each in known.items()
        if id_ not in sent and (id_ in unreadable or youngest is None or each.modified > youngest)
    }
    merged = {**sent, **newer, **kept}
    refused = _went_back(offered, reference, accepted) or _lost(amount_of(merged), reference, accepted)
    return Merged(_without_losses(known, merged) if refused else merged, refused, offered)


def merge_changes(known: Records, changed: Records, reference: Amount, accepted: Amount | None) -> Merged:
    """Return the records in force after single ones have changed."""
    merged = {**known, **changed}
    offered = amount_of(merged)
    refused = _lost(offered, reference, accepted)
    return Merged(_without_losses(known, merged) if refused else merged, refused, offered)


def _without_losses(known: Records, merged: Records) -> Records:
    """Return the merged records, without taking away any that says something now."""
    lost = {id_: each for id_, each in known.items() if each.packed and not _says_something(merged.get(id_))}
    return {**merged, **lost}


def _says_something(record: Record | None) -> bool:
    return record is not None and bool(record.packed)


def _is_newer(known: Record, sent: Record | None) -> bool:
    return sent is not None and known.modified > sent.modified


def _lost(offered: Amount, reference: Amount, accepted: Amount | None) -> str:
    """Return how much is lost, if it is too much."""
    least = accepted or Amount(
        records=int(reference.records * LEAST_SHARE), malware=int(reference.malware * LEAST_SHARE)
    )
    if offered.records < least.records:
        return f"it has {offered.records} records, after {reference.records}"
    if offered.malware < least.malware:
        return f"it has {offered.malware} reports of malware, after {reference.malware}"
    return ""


def _went_back(offered: Amount, reference: Amount, accepted: Amount | None) -> str:
    """Return from when to when an export went back in time."""
    least = accepted.changed if accepted is not None else reference.changed
    if least is None or offered.changed is None or offered.changed >= least:
        return ""
    return f"its last change is of {shown_past(offered.changed)}, after {shown_past(least)}"


def _id(record: Record) -> str:
    return record.id


class _Head(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The first fields of an advisory, without the many versions that follow."""

    id: str
    is_malware: bool
    severity: str | None
    published: datetime
    is_reviewed: bool
    summary: str
    aliases: tuple[str, ...]
    modified: datetime | None


_HEADS = msgspec.msgpack.Decoder(_Head)
