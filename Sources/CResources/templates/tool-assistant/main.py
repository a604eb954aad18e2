"""An assistant that calls functions of its own and keeps its conversation in a file."""

import ast
import datetime
import operator

from agents import Agent, Runner, SQLiteSession, function_tool

OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def evaluate(expression):
    """The value of an expression of numbers, + - * / and brackets."""
    def value(node):
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return node.value
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -value(node.operand)
        raise ValueError(f"only numbers, + - * / and brackets are understood, found {ast.unparse(node)}")

    return value(ast.parse(expression, mode="eval").body)


@function_tool
def calculate(expression: str) -> str:
    """Works out an expression of numbers, + - * / and brackets."""
    try:
        return str(evaluate(expression))
    except (ValueError, SyntaxError, ZeroDivisionError) as error:
        return f"error: {error}"


@function_tool
def today() -> str:
    """Today's date."""
    return datetime.date.today().isoformat()


assistant_agent = Agent(
    name="Assistant Agent",
    instructions="You are a helpful assistant. Use the functions for dates and sums; do not guess them.",
    tools=[calculate, today],
)


def main():
    session = SQLiteSession("assistant", "conversation.db")
    while True:
        try:
            request = input("> ")
        except EOFError:
            return
        print(Runner.run_sync(assistant_agent, request, session=session).final_output)


if __name__ == "__main__":
    main()
