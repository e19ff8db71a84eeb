"""Consumers that do something with poison messages: broken ones, and correct ones of other designs."""

import json

from fairpoll.consumers import FairConsumer
from fairpoll.contract.events import dump
from fairpoll.contract.records import DEAD_LETTERS


class EmptiesDeadLetters(FairConsumer):
    """Opens its dead letters anew when it ends, as a program that opens the file for writing."""

    def start(self):
        super().start()
        (self.config.output_folder / DEAD_LETTERS).write_text("")


class AltersDeadLetters(FairConsumer):
    """Puts a shortened text of each poison message aside."""

    class Sink(FairConsumer.sink_class):
        def write_dead_letter(self, record, reason):
            super().write_dead_letter(Shortened(record), reason)

    sink_class = Sink


class PutsPoisonAsideTwice(FairConsumer):
    """Puts each poison message aside a second time, as a retry after a lost answer does."""

    class Sink(FairConsumer.sink_class):
        def write_dead_letter(self, record, reason):
            super().write_dead_letter(record, reason)
            super().write_dead_letter(record, reason)

    sink_class = Sink


class DropsGoodMessagesBesidePoison(FairConsumer):
    """Gives up a poll's other records of a partition, too, when one of them cannot be read."""

    def poll(self):
        kept, given_up = [], set()
        for record in super().poll():
            partition = (record.topic(), record.partition())
            if partition not in given_up:
                kept.append(record)
            if record.value().startswith(b"not JSON"):
                given_up.add(partition)
        return kept


class FormatsJsonDifferently(FairConsumer):
    """Writes the same JSON with sorted keys, as a text with white space, and numbers with a fraction."""

    class Sink(FairConsumer.sink_class):
        def write(self, records):
            return super().write([Reformatted(record) for record in records])

    sink_class = Sink


class AddsFieldsToDeadLetters(FairConsumer):
    """Puts poison aside with its own fields besides the text, and no time."""

    class Sink(FairConsumer.sink_class):
        def write_dead_letter(self, record, reason):
            where = {"topic": record.topic(), "partition": record.partition(), "offset": record.offset()}
            letter = {"attempts": 3, "value": record.value().decode(), "error": {"reason": reason}, **where}
            with self.letters.open("a") as file:
                file.write(dump(letter) + "\n")
            self.pace.occupy(record.topic())

        def __init__(self, folder, *rest):
            super().__init__(folder, *rest)
            self.letters = folder / DEAD_LETTERS

    sink_class = Sink


class Proxy:
    """A record with another value."""

    def __init__(self, record):
        self.record = record
        self.topic, self.partition, self.offset = record.topic, record.partition, record.offset


class Shortened(Proxy):
    """The first bytes of the value."""

    def value(self):
        return self.record.value()[:12]


class Reformatted(Proxy):
    """The value in another format; poison as it is."""

    def value(self):
        value = self.record.value()
        try:
            body = json.loads(value)
        except ValueError:
            return value
        body["sequence"] = float(body["sequence"])
        return json.dumps(json.dumps(body, sort_keys=True, indent=1)).encode()


POISON = {
    "empties dead letters": EmptiesDeadLetters,
    "alters dead letters": AltersDeadLetters,
    "puts poison aside twice": PutsPoisonAsideTwice,
    "drops good messages beside poison": DropsGoodMessagesBesidePoison,
    "formats json differently": FormatsJsonDifferently,
    "adds fields to dead letters": AddsFieldsToDeadLetters,
}
