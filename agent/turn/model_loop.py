"""The language model's part of a turn, run by the OpenAI Agents SDK: one call in the common case, two at most."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from agents import (
    Agent,
    FunctionTool,
    ModelSettings,
    RunConfig,
    RunContextWrapper,
    RunHooks,
    Runner,
    StopAtTools,
    function_tool,
    set_tracing_disabled,
)
from agents.items import ModelResponse, TResponseInputItem
from agents.models.interface import Model

from agent.errors import ConfigurationInvalid, DependencyAway, FteError, ModelAway, ModelMisbehaved
from agent.records import Category, Channel, Priority, ReasonCode
from agent.reply.brand import Brand
from agent.reply.draft import ReplyKind
from agent.times import Times
from agent.turn import tools
from agent.turn.deadline import model_deadline
from agent.turn.prompt_size import PromptSize
from agent.turn.prompts import instructions, model_input
from agent.turn.state import MAX_SEARCHES, TurnState

TERMINAL_TOOLS = ("send_response", "escalate_to_human")
MAX_MODEL_CALLS = 2
_COMPACT_ARTICLES = 3
_COMPACT_ARTICLE_CHARS = 120

TurnRun = RunContextWrapper[TurnState]
HandoverReason = Literal[
    "pricing_inquiry",
    "refund_request",
    "legal_issue",
    "cancellation_request",
    "security_concern",
    "abusive_language",
    "customer_requested",
    "technical_emergency",
    "churn_risk",
    "negative_sentiment",
    "knowledge_gap",
]
"""The reasons that a model may give; the others are code's to find."""


class ModelLoop:
    """One agent of the SDK, made once and shared by all turns of a process; a turn's state is its run's context."""

    def __init__(
        self,
        model: Model,
        brand: Brand,
        times: Times,
        *,
        counted: bool = True,
        size: PromptSize = PromptSize.FULL,
    ) -> None:
        """Unless `counted`, its calls are none of the configured model's: they are neither counted nor metered."""
        set_tracing_disabled(True)  # invariant 10: the export would send customers' words away
        by_channel = {channel: instructions(brand, channel, size) for channel in Channel}
        offered = model_tools() if size is PromptSize.FULL else compact_tools()

        def instruct(run: TurnRun, _: Agent[TurnState]) -> str:
            return by_channel[run.context.context.channel]

        self._agent: Agent[TurnState] = Agent(
            name="fte",
            instructions=instruct,
            tools=list(offered),
            model=model,
            model_settings=ModelSettings(
                tool_choice="required",
                # A small model that may call two tools calls them for ever.
                parallel_tool_calls=False if size is PromptSize.COMPACT else None,
            ),
            tool_use_behavior=StopAtTools(stop_at_tool_names=list(TERMINAL_TOOLS)),
            reset_tool_choice=False,  # the second call must end the turn with a tool too
        )
        self._config = RunConfig(tracing_disabled=True, trace_include_sensitive_data=False)
        self._size = size
        self._hooks = _CallCounter(offered) if counted else None
        self._limit_s = 1.5 * times.model_timeout_s  # the second call has what the first left over

    async def run(self, state: TurnState) -> None:
        """Let the model answer or hand over; its intent is in `state` after that.

        Raises DependencyAway (ModelAway among them) and ModelMisbehaved.
        """
        try:
            # A model keeps to its deadline; the timeout is for one that does not.
            async with asyncio.timeout(1.1 * self._limit_s):
                with model_deadline(self._limit_s):
                    await self._run(state)
        except TimeoutError as error:
            message = f"the language model did not end within {self._limit_s:g} s"
            raise _failed(state, ModelAway(message, perhaps_billed=True)) from error
        except FteError as error:
            _failed(state, error)
            raise
        except Exception as error:
            broken = ModelMisbehaved(f"the language model broke the turn: {type(error).__name__}")
            raise _failed(state, state.away or broken) from error
        if state.handover is None:
            if state.reply is None:
                raise ModelMisbehaved("the language model ended without an answer or an escalation")
            if len(state.reply.text) > tools.MAX_DRAFT_CHARS:
                raise ModelMisbehaved("the language model wrote far too much")

    async def _run(self, state: TurnState) -> None:
        await Runner.run(
            self._agent,
            model_input(state, self._size),
            context=state,
            max_turns=MAX_MODEL_CALLS,
            hooks=self._hooks,
            run_config=self._config,
        )


def _failed(state: TurnState, error: FteError) -> FteError:
    """Count the call that was under way, if one was."""
    ms = _end_call(state)
    if state.meter is not None:
        state.meter.call_failed(error, ms)
    return error


def _end_call(state: TurnState) -> float:
    """Add the time of the call that is under way to its stage; returns its milliseconds, 0 without one."""
    if state.model_began is None:
        return 0.0
    ms = (time.perf_counter() - state.model_began) * 1000
    state.model_began = None
    state.stages["model"] = state.stages.get("model", 0.0) + ms
    return ms


class _CallCounter(RunHooks[TurnState]):
    """Counts the model's calls, their time and their tokens. Stateless itself: the run's context holds the figures."""

    def __init__(self, tools: Sequence[FunctionTool]) -> None:
        schemas = [(tool.name, tool.description, tool.params_json_schema) for tool in tools]
        self._tools_bytes = len(json.dumps(schemas))

    async def on_llm_start(
        self,
        context: TurnRun,
        agent: Agent[TurnState],
        system_prompt: str | None,
        input_items: list[TResponseInputItem],
    ) -> None:
        state = context.context
        if state.meter is not None:
            said = json.dumps([system_prompt, input_items], ensure_ascii=False, default=str)
            await state.meter.before_call(len(said.encode()) + self._tools_bytes)
        state.model_calls += 1
        state.model_began = time.perf_counter()

    async def on_llm_end(self, context: TurnRun, agent: Agent[TurnState], response: ModelResponse) -> None:
        ms = _end_call(context.context)
        if context.context.meter is not None:
            context.context.meter.after_call(response.usage, ms)


def model_tools() -> list[FunctionTool]:
    """The six tools as the SDK knows them. Their own failures go to the turn, never back to the model."""
    return [
        _tool(create_ticket),
        _tool(get_customer_history),
        _tool(analyze_sentiment),
        _tool(search_knowledge_base, enabled=_may_search),
        _tool(send_response),
        _tool(escalate_to_human),
    ]


def compact_tools() -> list[FunctionTool]:
    """The two that end a turn, so that the model is asked once.

    The list of articles is bounded in the schema: servers that hold a model to it by a grammar then end a list that a
    small model would go on with for ever. Not so in `model_tools`, since not every server takes such a bound.
    """
    answer = _tool(send_response)
    answer.params_json_schema["properties"]["articles"] |= {
        "maxItems": _COMPACT_ARTICLES,
        "items": {"type": "string", "maxLength": _COMPACT_ARTICLE_CHARS},
    }
    return [answer, _tool(escalate_to_human)]


def _tool(function: Callable[..., Any], enabled: Callable[..., bool] | bool = True) -> FunctionTool:
    made: FunctionTool = function_tool(function, failure_error_function=None, is_enabled=enabled)
    return made


def _may_search(run: RunContextWrapper[Any], _: Any) -> bool:
    return bool(run.context.searches_begun < MAX_SEARCHES)


async def create_ticket(
    run: TurnRun, subject: str | None = None, category: Category | None = None, priority: Priority | None = None
) -> str:
    """Return the ticket of this conversation, and correct its subject, category or priority.

    Args:
        subject: what the customer wants, in a few words.
        category: the kind of request.
        priority: how soon it needs an answer.
    """
    return await tools.create_ticket(run.context, subject=subject, category=category, priority=priority)


async def get_customer_history(run: TurnRun) -> str:
    """Return the earlier messages of this customer, oldest first."""
    return await tools.get_customer_history(run.context)


async def analyze_sentiment(run: TurnRun) -> str:
    """Return the sentiment of the customer's message, from -1 (furious) to 1 (delighted)."""
    try:
        return await tools.analyze_sentiment(run.context)
    except (DependencyAway, ConfigurationInvalid) as error:
        raise tools.note_away(run.context, error) from error


async def search_knowledge_base(run: TurnRun, query: str) -> str:
    """Search the knowledge base again, with other words than the first search.

    Args:
        query: what to look for, as a question or a few keywords.
    """
    state = run.context
    try:
        found = await tools.search_knowledge_base(state, query)
    except (DependencyAway, ConfigurationInvalid) as error:
        raise tools.note_away(state, error) from error
    state.given.append(("search_knowledge_base", {"query": query}, found))
    return found


async def send_response(run: TurnRun, message: str, kind: ReplyKind, articles: list[str]) -> str:
    """Answer the customer. Ends the turn.

    Args:
        message: the answer, without greeting and signature.
        kind: what the answer is.
        articles: the articles that it was taken from, by their `article` name.
    """
    return await tools.send_response(run.context, message, kind, articles)


async def escalate_to_human(run: TurnRun, reason_code: HandoverReason, summary: str) -> str:
    """Hand the conversation to a person. Ends the turn; the customer is told by a fixed text.

    Args:
        reason_code: why.
        summary: what a colleague must know to go on.
    """
    return await tools.escalate_to_human(run.context, ReasonCode(reason_code), summary)
