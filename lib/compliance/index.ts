/**
 * `conclave/compliance`: rules, cases, reports and an audit log. Needs no model.
 * @module
 */

export { type AuditLog, type AuditOptions, createAuditKey, openAuditLog } from './audit-log.ts'
export type { AuditData, AuditRecord } from './audit-record.ts'
export {
  type AuditProblem,
  type AuditReport,
  type VerifyOptions,
  verifyAuditLog,
} from './audit-verify.ts'
export type { Case, CaseDetail, CaseHit, CaseReview } from './case.ts'
export { type CaseFilter, type CaseStore, cursorOf, type Review } from './case-store.ts'
export {
  type Compliance,
  type ComplianceCounts,
  type ComplianceOptions,
  createCompliance,
} from './compliance.ts'
export type { Hit, Message } from './evaluate.ts'
export { openCaseStore, type StoreOptions } from './open-store.ts'
export { buildReport, type ReportOptions } from './report.ts'
export { reportPage } from './report-page.ts'
export { jsonSchemaOf, type Report, type ReportKind } from './report-schema.ts'
export { type ReviewOptions, type ReviewRoutes, reviewRoutes } from './review-routes.ts'
export {
  checkLists,
  checkRuleBook,
  defaultRuleBook,
  type Lists,
  type Regime,
  type Rule,
  type RuleBook,
} from './rule-book.ts'
export type { WaitingBounds } from './waiting.ts'
