*** Settings ***
Documentation    Two hours of traffic with random faults: async must lose nothing, and must deliver again after each.
...              Runs only with `--variable BROKERS:3 --variable SOAK:yes`. SPEED divides the two hours. The seed of
...              the faults is printed; SEED repeats them.
Metadata         Scenario    soak.yaml

Resource         ../resources/faults.resource
Library          fairpoll.keywords.SoakLibrary

Suite Setup      Bring Up Three Local Brokers For Hours
Test Teardown    Heal All Faults
Test Timeout     4 hours

Test Tags        soak


*** Variables ***
${SOAK}    no
${SEED}    ${EMPTY}


*** Test Cases ***
Async Survives Hours Of Faults
    Start Scenario    soak    async    speed=${SPEED}    &{YOURS}
    Inject Random Faults Until The Traffic Ends    async    seed=${SEED}
    Async Should Have Recovered


*** Keywords ***
Bring Up Three Local Brokers For Hours
    [Documentation]    Skip the test unless SOAK is yes: it takes hours.
    Skip If    $SOAK != 'yes'    takes two hours at SPEED 1; run it with --variable SOAK:yes
    Bring Up Three Local Brokers
