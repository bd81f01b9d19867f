/// What all planners that try sequences of actions have in common.
namespace Rl.Core.Planning

open System
open Rl.Core.Foundations

/// Decides on the first of a sequence of actions that it holds to be good by a judge of sequences, again at every step
/// (model-predictive control; slides 10 and 11). What it remembers is in the `PlannerState` alone; its own memory is
/// only room to work in, made once, so that deciding allocates nothing. Not thread-safe.
[<AbstractClass>]
type Planner internal (space: PlanningSpace, horizon: int, elites: int) =
    do Guard.positive (nameof horizon) horizon

    /// What it searches in.
    member _.Space = space
    /// The number of actions of a sequence.
    member _.Horizon = horizon

    /// The state before the first decision: the search begins in the middle of the bounds.
    member _.Start(key: Rng) : PlannerState =
        let state = PlannerState(horizon, space.Size, elites, key)

        for index in 0 .. state.Mean.Length - 1 do
            state.Mean[index] <- space.Middle(index % space.Size)

        for index in 0 .. space.Size - 1 do
            state.Past[index] <- space.Middle index

        state

    /// Searches from `state`, which moves on: `Plan` is the sequence decided on, `Mean` where the next search begins.
    /// `InvalidOperationException` if the judge returns NaN.
    abstract Decide: state: PlannerState * judge: ISequenceReturns -> unit

    /// The action that a state's `Plan` begins with, among the choices that `mask` allows (empty: all).
    member _.FirstAction(state: PlannerState, mask: ReadOnlySpan<bool>, action: Span<float32>) : unit =
        let first = Span(state.Plan, 0, space.Size)
        space.ToAction(Span.op_Implicit first, mask, action)
        first.CopyTo(Span state.Past)

    /// `Decide` as a function of values: the action, and the state that follows; `state` stays as it is.
    member this.Plan(state: PlannerState, judge: ISequenceReturns) : struct (float32[] * PlannerState) =
        let next = state.Copy()
        this.Decide(next, judge)
        let action = Array.zeroCreate space.Actions.Size
        this.FirstAction(next, ReadOnlySpan.Empty, Span action)
        struct (action, next)
