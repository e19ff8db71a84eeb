*** Settings ***
Documentation    Faults of brokers, network and processes while the scenario runs: async must lose nothing, and must
...              deliver again within RECOVERY. Needs three brokers: `--variable BROKERS:3`.
Metadata         Scenario    faults.yaml

Resource         ../resources/faults.resource

Suite Setup      Bring Up Three Local Brokers
Test Teardown    Heal All Faults

Test Tags        faults


*** Test Cases ***
A Broker Is Killed And Restarted
    While Async Reads
    Kill The Leader Of quiet
    Let Traffic Flow For 5 seconds
    Restart Stopped Brokers
    Async Should Have Recovered

A Leader Is Moved
    While Async Reads
    Move The Leader Of quiet
    Let Traffic Flow For 4 seconds
    Restart Stopped Brokers
    Async Should Have Recovered

A Broker Is Frozen
    While Async Reads
    Freeze The Leader Of quiet For 6 seconds
    Async Should Have Recovered

The Coordinator Is Killed
    While Async Reads
    Kill The Coordinator Of async
    Let Traffic Flow For 5 seconds
    Restart Stopped Brokers
    Async Should Have Recovered

The Network To A Broker Is Cut Both Ways
    While Async Reads
    Isolate The Leader Of quiet For 6 seconds
    Async Should Have Recovered

The Network To A Broker Is Cut One Way
    While Async Reads
    Drop Responses Of The Leader Of quiet For 6 seconds
    Async Should Have Recovered

A Broker Answers 200 ms Later
    While Async Reads
    Delay The Leader Of quiet By 200 ms For 8 seconds
    Async Should Have Recovered

The Consumer Is Killed Five Times
    [Metadata]    Scenario    faults_again.yaml
    While Async Reads
    Kill Async Repeatedly    5
    Async Should Have Recovered

The Disk Of The Consumer Is Full
    While Async Reads
    Fill The Disk Of async For 2 seconds
    Async Should Have Recovered

The Producer Is Killed And Restarted
    While Async Reads
    Kill The Producer For 2 seconds
    Async Should Have Recovered
