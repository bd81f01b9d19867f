/// Optimisers for the twins, an element at a time, and what a transition is expected to leave.
namespace Rl.Tests.Algorithms.Twins

open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning

/// What a twin expects of a transition.
type Expected =
    {
        Theta: float[]
        /// Some of the arrays, by name.
        Arrays: (string * float[]) list
        Observations: PlainStatistics
        Rewards: PlainStatistics
        DiscountedReturns: float[]
        /// The stream that the next transition draws from.
        Key: Rng
        /// Each copy's stream of actions.
        ActionKeys: Rng[]
        Metrics: (string * float) list
    }

[<RequireQualifiedAccess>]
module Gradient =

    let norm (x: float[]) = sqrt (Array.sumBy (fun value -> value * value) x)

    /// Scaled down to the norm where it is longer; 0 for no bound.
    let clip (bound: float) (gradient: float[]) =
        let factor = if bound = 0.0 then 1.0 else min 1.0 (bound / (norm gradient + 1e-6))
        Array.map ((*) factor) gradient

/// Adam (Kingma and Ba 2015, algorithm 1) from the variables that a state keeps under a name.
[<Sealed>]
type PlainAdam(name: string, gradientDecay: float, rate: unit -> float, epsilon: float, state: TrainingState) =
    let array kind = state.Array $"{name}/{kind}" |> Array.map float
    let first, second = array "firstMoment", array "secondMoment"
    let mutable count = (array "count")[0]

    new(name, rate: unit -> float, epsilon, state) = PlainAdam(name, 0.9, rate, epsilon, state)
    new(name, rate: float, epsilon, state) = PlainAdam(name, 0.9, (fun () -> rate), epsilon, state)

    /// The parameters after a step along a gradient.
    member _.Step(theta: float[], gradient: float[]) : float[] =
        count <- count + 1.0

        Array.mapi2
            (fun i x g ->
                first[i] <- gradientDecay * first[i] + (1.0 - gradientDecay) * g
                second[i] <- 0.999 * second[i] + 0.001 * g * g
                let mean, square = first[i] / (1.0 - gradientDecay ** count), second[i] / (1.0 - 0.999 ** count)
                x - rate () * mean / (sqrt square + epsilon))
            theta
            gradient

    /// The variables afterwards.
    member _.Arrays: (string * float[]) list =
        [ $"{name}/count", [| count |]; $"{name}/firstMoment", first; $"{name}/secondMoment", second ]

/// RMSprop from the variables that a state keeps under a name: ε beside the root, or inside it.
[<Sealed>]
type PlainRmsProp(name: string, rate: float, decay: float, epsilon: float, insideRoot: bool, state: TrainingState) =
    let second = state.Array $"{name}/secondMoment" |> Array.map float

    /// The parameters after a step along a gradient.
    member _.Step(theta: float[], gradient: float[]) : float[] =
        Array.mapi2
            (fun i x g ->
                second[i] <- decay * second[i] + (1.0 - decay) * g * g
                let divisor = if insideRoot then sqrt (second[i] + epsilon) else sqrt second[i] + epsilon
                x - rate * g / divisor)
            theta
            gradient

    /// The variables afterwards.
    member _.Arrays: (string * float[]) list = [ $"{name}/secondMoment", second ]

/// Rectified Adam (Liu et al. 2020, algorithm 2) from the variables that a state keeps under a name.
[<Sealed>]
type PlainRAdam(name: string, rate: float, epsilon: float, state: TrainingState) =
    let array kind = state.Array $"{name}/{kind}" |> Array.map float
    let first, second = array "firstMoment", array "secondMoment"
    let mutable count = (array "count")[0]
    let longest = 2.0 / (1.0 - 0.999) - 1.0

    /// The parameters after a step along a gradient.
    member _.Step(theta: float[], gradient: float[]) : float[] =
        count <- count + 1.0
        let decayed = 0.999 ** count
        let length = longest - 2.0 * count * decayed / (1.0 - decayed)

        Array.mapi2
            (fun i x g ->
                first[i] <- 0.9 * first[i] + 0.1 * g
                second[i] <- 0.999 * second[i] + 0.001 * g * g
                let mean = first[i] / (1.0 - 0.9 ** count)

                if length > 5.0 then
                    let above = (length - 4.0) * (length - 2.0) * longest
                    let below = (longest - 4.0) * (longest - 2.0) * length
                    x - rate * mean * sqrt (above / below) * sqrt (1.0 - decayed) / (sqrt second[i] + epsilon)
                else
                    x - rate * mean)
            theta
            gradient

    /// The variables afterwards.
    member _.Arrays: (string * float[]) list =
        [ $"{name}/count", [| count |]; $"{name}/firstMoment", first; $"{name}/secondMoment", second ]
