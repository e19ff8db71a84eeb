*** Settings ***
Documentation    The expected-results table of the specification; each row is a test.
...
...              With async polling the low-volume topic is served; with sync polling it starves. Each record that
...              reached the sink during the two minutes counts once.
Metadata         Scenario    specified.yaml

Resource         ../resources/acceptance.resource

Suite Setup      Run Both Modes
Test Template    Delivery Should Meet

Test Tags        smoke    specified


*** Test Cases ***           MODE     HIGH AT LEAST    LOW AT LEAST    LOW AT MOST    LOW SHARE AT LEAST
Async Polling Serves Both    async    1 000            20              -              1%
Sync Polling Starves         sync     1 000            -               5              -
