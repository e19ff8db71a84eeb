*** Settings ***
Documentation    Faults of brokers, network and processes while the scenario runs: async must lose nothing, and
...              messages must flow again within the declared time. Needs three brokers: `--variable BROKERS:3`.

Resource         ../resources/faults.resource

Suite Setup      Bring Up Brokers That Can Be Harmed
Test Teardown    Undo All Harm

Test Tags        faults


*** Test Cases ***
A Broker Is Killed And Restarted
    While Async Reads
    Kill The Leader Of quiet
    Let Traffic Flow For 5 seconds
    Start Every Broker That Is Down
    Async Should Have Recovered

A Leader Is Moved
    While Async Reads
    Move The Leader Of quiet
    Let Traffic Flow For 4 seconds
    Start Every Broker That Is Down
    Async Should Have Recovered

A Broker Is Frozen
    While Async Reads
    Freeze The Leader Of quiet For 6 seconds
    Async Should Have Recovered

The Coordinator Is Killed
    While Async Reads
    Kill The Coordinator Of async
    Let Traffic Flow For 5 seconds
    Start Every Broker That Is Down
    Async Should Have Recovered

The Network To A Broker Is Cut Both Ways
    While Async Reads
    Cut Consumers Off From The Leader Of quiet For 6 seconds
    Async Should Have Recovered

The Network To A Broker Is Cut One Way
    While Async Reads
    Swallow The Answers Of The Leader Of quiet For 6 seconds
    Async Should Have Recovered

A Broker Answers 200 ms Later
    While Async Reads
    Delay The Leader Of quiet By 200 ms For 8 seconds
    Async Should Have Recovered

The Consumer Is Killed Five Times
    While Async Reads    faults_again.yaml
    Kill Async Again And Again    5
    Async Should Have Recovered

The Disk Of The Consumer Is Full
    While Async Reads
    Fill The Disk Of async For 2 seconds
    Async Should Have Recovered

The Producer Is Killed And Restarted
    While Async Reads
    Kill The Producer For 2 seconds
    Async Should Have Recovered
