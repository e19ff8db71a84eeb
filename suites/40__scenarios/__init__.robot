*** Settings ***
Documentation    Short scenarios, each for one way in which consumers are known to fail. Both modes run on the same
...              traffic; the delivery guarantees of both are judged, and the fairness of async.
...
...              SIDE_BY_SIDE scenarios run at the same time, each with topics and groups of its own, before the first
...              test.

Resource         ../../resources/acceptance.resource

Suite Setup      Run Both Modes Side By Side
