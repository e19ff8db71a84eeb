*** Settings ***
Documentation    Short scenarios, each made for one way in which consumers are known to fail. Both modes run side by
...              side; the safety of both is judged, and the fairness of async.
