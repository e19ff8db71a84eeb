*** Settings ***
Documentation    Hours of traffic with faults at random: nothing may be lost, and messages must flow again after each.
...              Needs three brokers and to be asked for: `--variable BROKERS:3 --variable SOAK:yes`. SPEED divides
...              the two hours; the seed of the faults is printed, and SEED repeats them.

Resource         ../resources/faults.resource
Library          fairpoll.keywords.SoakLibrary

Suite Setup      Bring Up Brokers That Can Be Harmed For Long
Test Teardown    Undo All Harm
Test Timeout     4 hours

Test Tags        soak


*** Variables ***
${SOAK}    no
${SEED}    ${EMPTY}


*** Test Cases ***
Async Survives Hours Of Faults
    Start Scenario
    ...    soak
    ...    soak.yaml
    ...    async
    ...    speed=${SPEED}
    ...    consumer=${CONSUMER}
    ...    fields=${CONSUMER_FIELDS}
    ...    consumer_name=${CONSUMER_NAME}
    ...    shows=${SHOWS}
    Do Harm At Random Until The Traffic Ends    async    seed=${SEED}
    Async Should Have Recovered


*** Keywords ***
Bring Up Brokers That Can Be Harmed For Long
    [Documentation]    Only when asked for: it takes hours.
    Skip If    $SOAK != 'yes'    takes long: ask for it with --variable SOAK:yes
    Bring Up Brokers That Can Be Harmed
