/**
 * The syntax tree that @huggingface/jinja parses a template into, as far as it is evaluated here.
 * @module
 */

interface Operator {
  value: string
}

export interface Identifier {
  type: 'Identifier'
  value: string
}

export interface Call {
  type: 'CallExpression'
  callee: Expression
  args: Expression[]
}

export interface Member {
  type: 'MemberExpression'
  object: Expression
  property: Expression | Slice
  /** True for `a[b]`, false for `a.b`. */
  computed: boolean
}

export interface Slice {
  type: 'SliceExpression'
  start?: Expression
  stop?: Expression
  step?: Expression
}

export interface KeywordArgument {
  type: 'KeywordArgumentExpression'
  key: Identifier
  value: Expression
}

export interface Select {
  type: 'SelectExpression'
  lhs: Expression
  test: Expression
}

export interface Tuple {
  type: 'TupleLiteral'
  value: Expression[]
}

export interface Binary {
  type: 'BinaryExpression'
  operator: Operator
  left: Expression
  right: Expression
}

export interface Test {
  type: 'TestExpression'
  operand: Expression
  negate: boolean
  test: Identifier
}

export interface Ternary {
  type: 'Ternary'
  condition: Expression
  trueExpr: Expression
  falseExpr: Expression
}

export type Expression =
  | Identifier
  | Call
  | Member
  | KeywordArgument
  | Select
  | Tuple
  | Binary
  | Test
  | Ternary
  | Slice
  | { type: 'IntegerLiteral' | 'FloatLiteral'; value: number }
  | { type: 'StringLiteral'; value: string }
  | { type: 'ArrayLiteral'; value: Expression[] }
  | { type: 'ObjectLiteral'; value: Map<Expression, Expression> }
  | { type: 'FilterExpression'; operand: Expression; filter: Identifier | Call }
  | { type: 'UnaryExpression'; operator: Operator; argument: Expression }
  | { type: 'SpreadExpression' | 'KeywordSpreadExpression'; argument: Expression }

export type Parameter = Identifier | KeywordArgument

export interface For {
  type: 'For'
  loopvar: Identifier | Tuple
  iterable: Expression
  body: Node[]
  defaultBlock: Node[]
}

export interface SetNode {
  type: 'Set'
  assignee: Expression
  value: Expression | null
  body: Node[]
}

export interface Macro {
  type: 'Macro'
  name: Identifier
  args: Parameter[]
  body: Node[]
}

export interface CallBlock {
  type: 'CallStatement'
  call: Call
  callerArgs: Parameter[] | null
  body: Node[]
}

export type Statement =
  | For
  | SetNode
  | Macro
  | CallBlock
  | { type: 'If'; test: Expression; body: Node[]; alternate: Node[] }
  | { type: 'FilterStatement'; filter: Identifier | Call; body: Node[] }
  | { type: 'Break' | 'Continue' | 'Comment' }

/** What a template's body is made of: an expression is printed. */
export type Node = Statement | Expression
