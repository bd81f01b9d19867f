/// What planners ask: how good sequences of actions are from where one stands.
namespace Rl.Core.Planning

open System

/// Judges sequences of actions from one state: the environment itself, a learnt model, or a user's function.
type ISequenceReturns =
    /// returns[k] ← the (estimated) return of the k-th of K sequences of `horizon` actions, what ends early included.
    /// `actions` are [K, horizon, `ActionSpace.Size`] in the environment's numbers; `returns` has K elements, which may
    /// be −∞ but not NaN.
    abstract Judge: actions: ReadOnlySpan<float32> * horizon: int * returns: Span<float> -> unit

/// A judge of sequences of numbers in double precision: mathematical functions.
type IExactSequenceReturns =
    inherit ISequenceReturns

    /// `Judge` for actions that are not rounded to single precision.
    abstract JudgeExactly: actions: ReadOnlySpan<float> * horizon: int * returns: Span<float> -> unit
