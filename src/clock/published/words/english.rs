//! English.

use super::Vocabulary;
use crate::clock::policy::Unit;
use crate::clock::published::sense::Sense;

pub(super) static ENGLISH: Vocabulary = Vocabulary {
    language: "en",
    common: "",
    senses: &[
        (
            Sense::Ack,
            "acknowledg* | receive confirmation | receive a confirmation | get a confirmation | get confirmation | confirmation email | confirmation e-mail | send a confirmation | acknowledg* receipt | acknowledg* the receipt | confirm* receipt | confirm* the receipt \
             | confirmation of receipt | receipt confirmation | confirm* that we have received \
             | confirm* we received | confirm* we've received | confirm* we have received | confirm* we have your | confirm* we got | confirm* that we received | ack | acks",
        ),
        (Sense::Receipt, "receipt | arrived | arrival"),
        (
            Sense::Respond,
            "initiate a conversation | start a conversation | open a conversation | begin a conversation | emails will be addressed | emails are addressed | reports will be addressed | report will be addressed | email will be addressed | respond* | response | responses | reply | replies | replied | replying | answer* | get back to | get back \
             | getting back to | got back to | hear back | hear from us | hear from the team | contact you \
             | contacting you | be in touch | reach out | reaching out | reach back | feedback \
             | initial contact | first contact | get in touch | contacted | write back | react | reaction \
             | get to you | be in contact | let you know | follow up with you | following up with you",
        ),
        (
            Sense::Detailed,
            "detailed | more detailed | substantive | in-depth | in depth | full response | complete response \
             | thorough | thorough response | comprehensive | second response | further response | final response",
        ),
        (
            Sense::Assess,
            "assess* | disposition | decide whether | decide if | whether we accept | whether it is accepted | whether the report | accept your report | acceptance | accept or decline | triag* | evaluat* | validat* | cvss | initial analysis | initial review | initial investigation \
             | confirm the vulnerability | confirm the issue | confirm the problem | confirm the bug | confirm* whether \
             | confirm or reject | confirm or deny | confirm/deny | confirm/reject | accept/reject | accept/decline | confirm validity | confirm the validity | confirmation of the vulnerability \
             | confirmation of the issue | confirmation or rejection | vulnerability confirmation | confirm or decline \
             | issue confirmation | determination | next steps | accept or reject | accepted or rejected \
             | severity classification | severity rating | risk rating | impact analysis | preliminary analysis | verdict \
             | confirm vulnerability | confirm issue | determine severity | determine the severity | severity determination \
             | more detailed update | substantive update | initial status | initial findings | initial verdict | initial decision | detailed update | technical response \
             | detailed followup | detailed follow-up | detailed follow up | more detailed followup | more detailed follow-up \
             | more detailed follow up | validity of",
        ),
        (
            Sense::Investigate,
            "investigat* | review* | verif* | confirm* | reproduc* | analy* | analysis | check | checked | look into \
             | look at | looked at | examin* | diagnos* | process | processed",
        ),
        (
            Sense::Plan,
            "timeline | timelines | timeframe | timeframes | time frame | time frames | estimate | estimated | estimates \
             | eta | plan | plans | roadmap | schedule | expected resolution date | expected fix date | action plan \
             | expected date | guidance | strategy | expectation | estimation | resolution date",
        ),
        (
            Sense::Give,
            "provid* | share | shared | send | sent | give | given | communicat* | receive | outline | outlin* | propose* \
             | deliver* | get | establish* | agree on | with | along with | include | including | develop a | create a \
             | determine | set | draft*",
        ),
        (
            Sense::Fix,
            "fix | fixes | fixed | fixing | patch | patches | patched | patching | remediat* | resolve | resolves \
             | resolved | resolving | resolution | resolutions | mitigat* | address | addressed | addressing | correct \
             | corrected | correction | corrections | hotfix | hotfixes | workaround | workarounds | repair | repaired \
             | solve | solved | solution | security release | security releases \
             | security patch | security patches | security fix | security fixes | patch release | patch releases \
             | fix release | fix releases | fix release day | fix release process | security update release | bugfix | bug fix | bugfixes \
             | resolution target | closure | fix development",
        ),
        (Sense::Develop, "develop | developed | develops | developing | test a fix | test the fix"),
        (
            Sense::Release,
            "availability of the update | availability of an update | availability of the fix | availability of a fix | availability of the patch | availability of a patch | releas* | ship | ships | shipped | roll out | rolled out | rollout | go out | new version | new versions \
             | deploy | deployed | deployment",
        ),
        (
            Sense::Update,
            "news | status update | status updates | progress update | progress updates | update | updates | update you \
             | updating you | updated | keep you informed | keep you updated | keep the reporter informed \
             | keep the reporter updated | keep reporters informed | keep reporters updated | kept informed | kept updated \
             | keep you posted | keep you in the loop | status report | status reports | progress report | progress reports \
             | inform you | informed of | informed about | check-in | check-ins | follow-up communication \
             | progress communication | report progress | communicate progress | status",
        ),
        (
            Sense::Notify,
            "tell | tells | told | notif* | notice | notices | advance notice | heads-up | heads up | pre-announc* | preannounc* | pre-notif* \
             | prenotif* | early notification | advance notification | pre-disclos* | predisclos* | announced | announce \
             | announcement | early access | alert*",
        ),
        (
            Sense::Disclose,
            "disclos* | withheld until | held back until | grace period | share the vulnerability | share details | share the details | share this | shared publicly | sharing details | keep it private | kept private | keep private | public | publicly | publish | publishes | published | publishing | publication | publicize* | publicise* | go public | going public \
             | made public | make public | advisory | advisories | embargo* | full details | release details \
             | confidential* | coordinated disclosure | released publicly | public release | declassif* | embargo period",
        ),
        (
            Sense::Postmortem,
            "post-mortem | post-mortems | postmortem | postmortems | post mortem | retrospective | write-up | write up \
             | writeup | publish a post | a post will be published | a post is published | blog post | root cause analysis | root-cause analysis | rca | incident report \
             | post-incident | publish a report | a report detailing | lessons learned | detailed post",
        ),
        (
            Sense::Us,
            "we | we'll | we're | we've | our | us | team | maintainer | maintainers | project | developers | staff | i | i'll \
             | contributors | our team | the team | project members | committers | my",
        ),
        (
            Sense::You,
            "you | you'll | your | reporter | reporters | researcher | researchers | submitter | submitters | finder \
             | finders | reporting party | reporter's | yourself",
        ),
        (
            Sense::Partner,
            "distributor | distributors | vendor | vendors | packager | packagers | downstream | partners | partner | external parties \
             | distros | distro | linux-distros | private distributor list | distributors list | private distributors list | ahead of a public release \
             | trusted users | prenotification list | pre-disclosure list",
        ),
        (
            Sense::Users,
            "users | user | members | customers | customer | operators | administrators | consumers | organizations | tenants",
        ),
        (Sense::If, "if | in case | in the event | unless | whenever | where you | when you have not | should you"),
        (
            Sense::Not,
            "not | no | never | without | nothing | none | fail | fails | failed | lack | lacks | lacking | cannot | don't | doesn't \
             | didn't | haven't | hasn't | hadn't | isn't | aren't | wasn't | won't | wouldn't | can't | couldn't | unable \
             | absence | absent | still waiting | nobody | unanswered | dont | havent | no one",
        ),
        (
            Sense::NoPromise,
            "no guarantee | no guarantees | not guarantee* | cannot guarantee | can't guarantee | not guaranteed | isn't guaranteed \
             | don't guarantee | doesn't guarantee | not offer | don't offer | doesn't offer | not promise* | don't promise | can't promise | cannot promise \
             | no sla | no slas | no formal | no commitment | not commit | don't commit | cannot commit | not expect \
             | don't expect | no fixed | without guarantee | without any guarantee | not obligated | not bound | no promise \
             | not provide | don't provide | no official | not have a | not have an | no longer | rather than | instead of | unlike",
        ),
        (
            Sense::Within,
            "within | in | under | less than | inside | up to | no later than | not later than | latest | by | fewer than \
             | at the latest | over the next | during | in under | in less than | target | max",
        ),
        (
            Sense::AtLeast,
            "at least | no less than | not less than | minimum | a minimum of | minimum of | no earlier than | not earlier than \
             | no sooner than | not before | no fewer than | not fewer than | or more | more than | greater than",
        ),
        (
            Sense::AtMost,
            "no more than | not more than | at most | not exceed | not to exceed | no longer than | not longer than \
             | maximum | a maximum of | maximum of | not exceeding | or less | or fewer | or sooner | at the most",
        ),
        (
            Sense::Approx,
            "typically | generally | normally | approximately | about | around | roughly | on the order of | in most cases \
             | on average | approx | ~ | ≈ | most likely | circa | as a rule",
        ),
        (
            Sense::History,
            "used to | once got | once had | once received | historically | usually | the past | the last | most fixes | most reports | most issues | most vulnerabilities | last year | last month | in the past | so far | often | have been | to date | commonly | history",
        ),
        (Sense::Every, "every | each | once a | once per | per | once every | at least once every | a day | once each"),
        (Sense::After, "after | following | of | from | since | once | upon | post | starting"),
        (
            Sense::Before,
            "before | prior to | ahead of | in advance | in advance of | advance | until | prior | earlier than | ahead | till \
             | preceding",
        ),
        (
            Sense::Wait,
            "give us | give the team | give the maintainers | give the project | give the developers | give me | giving us | allow us | allow | allowing us | wait | grant us | provide us | afford us \
             | refrain | please provide us | providing us | allowing | waiting | give maintainers | hold off | avoid | avoid doing so \
             | withhold | abstain | allow the team | allow the maintainers | allow the project",
        ),
        (
            Sense::Silence,
            "to yourself | to yourselves | to themselves | confidential* | private | privately | secret | secrecy | embargo* \
             | silence | silent | quiet | under wraps | non-disclosure | nondisclosure | undisclosed | share | reveal | discuss \
             | discussing | sharing | withhold* | withheld | public discussion",
        ),
        (
            Sense::Duty,
            "must | should | shall | required to | expected to | need to | have to | ask you to | asked to | ask that you \
             | request that you | are advised to",
        ),
        (
            Sense::Receive,
            "still waiting | receive | received | receives | hear | heard | get | gotten | got | expect | expecting | receiving | see | seen",
        ),
        (
            Sense::FollowUp,
            "follow up | follow-up | following up | followup | re-send | resend | contact us again | write again \
             | escalat* | ping | nudge | remind* | send again | send it again | reach out again | bump | try again | re-contact \
             | email again | contact again",
        ),
        (Sense::Publish, "publish | publishes | published | publishing"),
        (
            Sense::Please,
            "please | kindly | we ask | we request | ask reporters | ask researchers | ask finders | we would ask | we'd ask | requested",
        ),
        (Sense::Lasting, "for"),
        (
            Sense::Others,
            "attacker* | adversar* | server | servers | client | clients | node | nodes | api | request | requests | browser | malware | switch | peer | peers",
        ),
        (Sense::Sooner, "sooner | faster | earlier | quicker | shorter | expedit*"),
        (Sense::Forthcoming, "forthcoming | of forthcoming fix"),
        (
            Sense::Steps,
            "these steps | this step | this phase | this stage | these actions | this process | these tasks | this should be completed \
             | completed",
        ),
        (
            Sense::And,
            "and | but | then | while | whereas | as well as | & | so that | though | although | however | plus | followed by",
        ),
        (Sense::Or, "or | and/or"),
        (Sense::To, "to | or | and | through | until | till | up to"),
        (
            Sense::Vague,
            "few | a few | couple | a couple | couple of | a couple of | several | some | many | handful of | a number of",
        ),
        (
            Sense::Soon,
            "as soon as possible | asap | promptly | quickly | timely | as quickly as possible | in a timely manner \
             | immediately | swiftly | reasonable time | reasonable amount of time | best effort | best-effort | as fast as possible \
             | urgently | without delay | without undue delay | shortly | right away | prompt | speedy",
        ),
        (
            Sense::Report,
            "report | report a vulnerability | report a security vulnerability | reports | reporting | reported | submission | submissions | submitted | receiving | received | discovery \
             | discovered | being notified | notification of the vulnerability | filing | initial disclosure | your disclosure \
             | initial report | the disclosure | initial notification | first contact | initial contact | email | e-mail | your message \
             | your email | business hours | when we receive",
        ),
        (
            Sense::Vulnerability,
            "vulnerabilit* | report a vulnerability | report a security vulnerability | security issue | security issues | security bug | security bugs | security problem | security problems \
             | security concern | security concerns | security | exploit | exploits | security flaw | security flaws | weakness",
        ),
        (
            Sense::Graded,
            "severity | priority | risk | impact | issue | issues | vulnerability | vulnerabilities | bug | bugs | finding | findings \
             | rated | cvss | severities | reports | flaws | problems | cases | incidents | issue(s) | criticality | fixes | patches",
        ),
        (
            Sense::Support,
            "supported | support | supports | end of life | end-of-life | eol | lts | maintained | maintenance | backport* \
             | release cycle | deprecat* | life cycle | lifecycle | minor versions | major versions | minor version | release cadence \
             | security support | supported for | feature release | release candidate | stable release | major release | minor release",
        ),
        (Sense::Money, "reward* | payout* | paid | payment* | bounty | bounties | swag | invoice | pay | pay out"),
        (
            Sense::Practice,
            "soak | rotat* | on-call | alerts | automatic | automatically | backup* | back up | retention | retain* | password* | token* | session* | expir* | audit* | scan | scans | scanned \
             | scanning | penetration test* | pen test* | pentest* | dependabot | dependenc* | uptime | cache | caching | timeout* | certificates \
             | this policy | policy is reviewed | review this | training | log retention | logs | renew* | libraries | rate limit* \
             | rto | rpo | recovery | deleted | delete | deletion | purge* | stored | keep logs | snapshots | renovate | cron | workflow* \
             | annually | annual | sla credits | downtime | membership | subscription* | locked | lockout | brute force | ci | pull requests \
             | pull request | merged | merge | old | of age | apply updates | install updates | containment | contain | vote | voting",
        ),
        (
            Sense::Measures,
            "security measures | measures | best practices | security features | features | hardening | considerations | recommendations | hall of fame \
             | architecture | for users | for developers | operations | infrastructure | compliance | monitoring | audits | data protection",
        ),
        (
            Sense::Timeline,
            "timeline | timelines | sla | slas | time frame | timeframe | targets \
             | expectations | what to expect | time | duration | deadline | deadlines | window | period | schedule | target | service level \
             | service levels | expected | policy",
        ),
        (
            Sense::Send,
            "report | report a vulnerability | report a security vulnerability | reports | reporting | reported | submit | submitted | submitting | submission | email | e-mail | emails | mail | mailing \
             | emailing | send | sending | sent | contact | contacts | contacting | reach | reach us | reach out | write to | notify | inform | message \
             | disclosing | alert | filing | raise | escalate | tell us | let us know | file a bug | file a confidential | file a security | file an issue | file a private | file a report | dm | get in touch | vulnz | share any issues | share any issue | share issues | share the issue | share your findings | share your finding | privately disclose | responsibly disclose | share it with us | share them with us",
        ),
        (
            Sense::Announce,
            "requesting notifications | notification request | notification list | announce | announcement | announcements | subscribe | subscribing | subscriber | newsletter | announcement list | announced | mailing list for announcements \
             | notifications list | stay informed | receive notifications | be notified | release notes | changelog | follow us | security news",
        ),
        (
            Sense::Elsewhere,
            "upstream | third-party | third party | out of scope | not in scope | code of conduct | conduct | press | media | sales | marketing | careers | conduct@ | press inquiries | privacy request | legal | trademark | general questions \
             | commercial support | harassment | general inquiries | general support | feature requests | non-security | not security | customer support | help center | help desk | helpdesk | technical support | product support \
             | community | documentation | for example | unsubscribe | improve this policy | improve this document | improve this process | comments on this policy | leaderboard | hall of fame | membership | request to join | requesting to join | join the | apply for membership",
        ),
        (
            Sense::PrivateReporting,
            "private security reporting | private security report | private security reports | private vulnerability report | report new vulnerability | private vulnerability reports | private vulnerability reporting | privately report a vulnerability | privately reporting a security vulnerability \
             | report a vulnerability button | report a vulnerability | report a security vulnerability | github security advisories | github security advisory \
             | github's security advisories | github's security advisory | security advisory feature | security advisories feature | security tab | draft security advisory \
             | security advisory on github | private security advisory | private security advisories | private advisory | draft advisory | github's private | security advisory \
             | security advisories | github private | privately via github | privately on github | security → advisories | security > advisories | private vulnerability disclosure \
             | advisories tab | github advisory | github advisories | new security advisory | report vulnerability button | report a vulnerability form",
        ),
        (
            Sense::Include,
            "include | includes | including | included | provide | providing | contain | contains | details | information | fill | describe | with a description | should have | should be | attach \
             | with details | following details | following information | as much as possible | as much information | tell us | what to include | answer the following questions | following questions | answer these questions | what to send | list",
        ),
        (
            Sense::Content,
            "steps | step-by-step | reproduc* | reproducible | proof of concept | proof-of-concept | poc | affected version | affected versions \
             | impact | version | versions | description | descriptions | exploit | configuration | environment | location | logs | code you used \
             | shortest amount | type of issue | mitigation | mitigations | suggested fix | screenshots",
        ),
        (
            Sense::Versions,
            "supported versions | supported version | supported releases | version support | supported | versions supported | security support | support policy | maintained versions",
        ),
        (
            Sense::Noise,
            "incident response | incident response plan | response team | response process | response policy | security response team | response center | security response | vulnerability response team \
             | fix team | fix lead | fix leads | fix development process | email address | e-mail address | ip address | mailing address \
             | response plan | security update | security updates | software update | software updates | update to the latest | update your | update to | updates to the latest | keep updated | up to date | up-to-date | security response process \
             | dependency update | dependency updates | automatic updates | automated updates | update dependencies | privately disclosed | private disclosure | private disclosure process | disclosure process \
             | incident responder | request for additional information | request for more information | request for information | request for details | additional information | http response | api response | response header | response headers | response body | vulnerability disclosure policy | security team | security fix process \
             | time of disclosure | disclose to us | report to us | responsible disclosure policy | of the month | in the last | for the last | in public | public issue | public issues | public github issue | public github issues | public forum | public key | public keys \
             | public repository | publicly known | public issue tracker | github security advisory database | dispatch | fix commit | day-to-day | 0-day | zero-day | zero day | one-day | n-day | 1-day exploit | correctly | general public | fixed timeline | fixed schedule | fixed timeframe \
             | next release | privilege escalation | escalation of privilege | escalation of privileges | escalate privileges | information disclosure | info disclosure | data disclosure | correctness | update your installation | latest update | resolution of the issue with",
        ),
    ],
    units: &[
        (Unit::Hour, "hour | hours | hr | hrs | h | hour's | hours' | business hours | business hour | working hours"),
        (
            Unit::Day,
            "day | days | d | calendar day | calendar days | day's | days' | day(s) | consecutive days | full days",
        ),
        (
            Unit::WorkingDay,
            "business day | business days | business day(s) | working day | working days | working day(s) | work day | work days | workday | workdays | weekday | weekdays \
             | business-day | business-days | working-days | working-day | week days | bd | bds | us business days | biz days | full business days | banking days | office days",
        ),
        (
            Unit::Week,
            "business week | business weeks | working week | working weeks | week | weeks | wk | wks | week's | weeks' | calendar weeks | full weeks | week(s)",
        ),
        (Unit::Month, "month | months | month's | months' | calendar months | month(s) | mo"),
    ],
    rhythms: &[
        (1, Unit::Day, "daily"),
        (1, Unit::Week, "weekly"),
        (2, Unit::Week, "fortnight | biweekly | bi-weekly | fortnightly | every other week"),
        (1, Unit::Month, "monthly"),
    ],
    numbers: &[
        (1, "one | a | an | next | single | a single | the next | following"),
        (2, "two | second"),
        (3, "three | third"),
        (4, "four | fourth"),
        (5, "five | fifth"),
        (6, "six"),
        (7, "seven | seventh"),
        (8, "eight"),
        (9, "nine"),
        (10, "ten | tenth"),
        (11, "eleven"),
        (12, "twelve"),
        (13, "thirteen"),
        (14, "fourteen"),
        (15, "fifteen"),
        (20, "twenty"),
        (21, "twenty-one | twenty one"),
        (24, "twenty-four | twenty four"),
        (28, "twenty-eight | twenty eight"),
        (30, "thirty"),
        (36, "thirty-six | thirty six"),
        (40, "forty"),
        (45, "forty-five | forty five"),
        (48, "forty-eight | forty eight | fourty-eight | fourty eight"),
        (60, "sixty"),
        (72, "seventy-two | seventy two"),
        (90, "ninety"),
        (96, "ninety-six | ninety six"),
        (100, "hundred | one hundred"),
        (120, "one hundred twenty | one hundred and twenty"),
        (180, "one hundred eighty | one hundred and eighty"),
    ],
    severities: &[
        (
            "critical",
            true,
            "critical | critical severity | critical-severity | critically | criticals | p0 | sev0 | sev-0 | urgent",
        ),
        (
            "high",
            false,
            "high | high severity | high-severity | high risk | high-risk | high priority | high-priority | high impact | severe",
        ),
        (
            "high",
            true,
            "high severity | high-severity | high-risk | p1 | sev1 | sev-1 | severity 1 | highs | severe | high-impact | high-priority",
        ),
        ("medium", false, "medium | moderate"),
        (
            "medium",
            true,
            "medium severity | medium-severity | moderate severity | moderate-severity | medium-risk | p2 | sev2 | sev-2 | severity 2",
        ),
        ("low", false, "low | minor | informational"),
        (
            "low",
            true,
            "lower-severity | lower severity | low severity | low-severity | low-risk | p3 | sev3 | sev-3 | severity 3 | p4",
        ),
        ("non-critical", true, "non-critical | noncritical | non critical"),
    ],
};
