*** Settings ***
Documentation    Short scenarios, each made for one way in which consumers are known to fail. Both modes run side by
...              side; the safety of both is judged, and the fairness of async.
...
...              The scenarios run a few at a time, on topics and in groups of their own, before the first is judged.

Resource         ../../resources/acceptance.resource

Suite Setup      Run Both Modes Side By Side
