/** `powerstrip/testkit`: test an adapter. `docs/testing-an-adapter.md` starts from nothing. */
export {
  AdapterTester,
  type Cases,
  type Mutation,
  type OwnAnswer,
  type Refusal,
  type Sample,
  type TesterTerms,
  type Undoing,
} from './adapter-tester.ts'
export type { Target } from './caller.ts'
export {
  type CheckResult,
  type ConformanceReport,
  type ConformanceTerms,
  exitCodeOf,
  runConformance,
} from './conformance.ts'
export { type Fixture, fixtureLine, readFixture } from './fixture.ts'
export { type Deed, type Played, type Recorded, type ReplayTerms, readRecorded, replay } from './replay.ts'
export { htmlReport } from './report/html.ts'
export { jsonReport } from './report/json.ts'
export { junitReport } from './report/junit.ts'
export { conformance, type Describe, type It, targetAt } from './suite.ts'
export type { Finding, Verdict } from './verdict.ts'
