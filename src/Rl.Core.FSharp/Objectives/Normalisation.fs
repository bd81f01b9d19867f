/// Moving averages of targets: PopArt and bias-corrected exponential means, as pure states.
namespace Rl.Core.Objectives

open System
open Rl.Core.Foundations

/// The exponential averages of x and x², each from 0.
[<Struct>]
type MovingAverage =
    {
        /// The weighted sum of x.
        First: float
        /// The weighted sum of x².
        Second: float
        /// decayⁿ after n updates: what is missing from the weights' sum of 1.
        Missing: float
    }

/// Bias-corrected exponential moving averages (Kingma and Ba 2015, section 3).
[<RequireQualifiedAccess>]
module MovingAverage =

    /// Before the first update.
    let initial = { First = 0.0; Second = 0.0; Missing = 1.0 }

    /// After seeing the mean of a batch of values; decay ∈ [0, 1).
    let update (decay: float) (values: ReadOnlySpan<float>) (state: MovingAverage) : MovingAverage =
        Guard.inRange (nameof decay) 0.0 (Math.BitDecrement 1.0) decay
        Guard.positive "values.Length" values.Length
        let mutable first = 0.0
        let mutable second = 0.0

        for value in values do
            Guard.finite (nameof values) value
            first <- first + value
            second <- second + value * value

        let share = (1.0 - decay) / float values.Length

        {
            First = decay * state.First + share * first
            Second = decay * state.Second + share * second
            Missing = decay * state.Missing
        }

    let private corrected sum (state: MovingAverage) =
        if state.Missing >= 1.0 then
            Guard.fail (nameof state) "The average has seen no values; update it first."

        sum / (1.0 - state.Missing)

    /// The mean of x.
    let mean (state: MovingAverage) : float = corrected state.First state

    /// The variance of x, never negative.
    let variance (state: MovingAverage) : float =
        let mean = mean state
        Math.Max(corrected state.Second state - mean * mean, 0.0)

/// PopArt's statistics, one element a task.
type PopArt =
    {
        /// The mean μ of a task's targets.
        Shift: float[]
        /// Their deviation σ > 0.
        Scale: float[]
        /// The mean of their squares.
        SecondMoment: float[]
    }

/// "Preserving outputs precisely, while adaptively rescaling targets" (van Hasselt et al. 2016; Hessel et al. 2019).
[<RequireQualifiedAccess>]
module PopArt =

    /// μ = 0, σ = 1 for each of `tasks` tasks.
    let initial (tasks: int) : PopArt =
        Guard.positive (nameof tasks) tasks

        {
            Shift = Array.zeroCreate tasks
            Scale = Array.create tasks 1.0
            SecondMoment = Array.create tasks 1.0
        }

    /// (y − μ)/σ of the task.
    let normalise (state: PopArt) (task: int) (value: float) : float = (value - state.Shift[task]) / state.Scale[task]

    /// σ x + μ of the task.
    let unnormalise (state: PopArt) (task: int) (normalised: float) : float =
        normalised * state.Scale[task] + state.Shift[task]

    /// Art: the statistics after a batch of targets, each of the task beside it: moments move by `stepSize` towards
    /// every target at once, as in the reference implementation, so that a task's step times its number of targets
    /// should stay below 1; σ is kept in [lowest, highest].
    let update
        (stepSize: float)
        (lowest: float)
        (highest: float)
        (targets: ReadOnlySpan<float>)
        (tasks: ReadOnlySpan<int>)
        (state: PopArt)
        : PopArt =
        Guard.inRange (nameof stepSize) 0.0 1.0 stepSize
        Guard.positiveNumber (nameof lowest) lowest
        Guard.inRange (nameof highest) lowest infinity highest
        Guard.length (nameof tasks) targets.Length tasks.Length
        let shift, second = Array.copy state.Shift, Array.copy state.SecondMoment

        for index in 0 .. targets.Length - 1 do
            let task, target = tasks[index], targets[index]
            Guard.inIntRange (nameof tasks) 0 (shift.Length - 1) task
            Guard.finite (nameof targets) target
            shift[task] <- shift[task] + stepSize * (target - state.Shift[task])
            second[task] <- second[task] + stepSize * (target * target - state.SecondMoment[task])

        let scale =
            Array.map2
                (fun mean square -> sqrt (Math.Clamp(square - mean * mean, lowest * lowest, highest * highest)))
                shift
                second

        { Shift = shift; Scale = scale; SecondMoment = second }

    /// Pop: the last layer's weights [inputs, tasks] and biases [tasks] that give the same unnormalised outputs under
    /// the new statistics: w σ/σ′ and (σ b + μ − μ′)/σ′.
    let preserve
        (oldState: PopArt)
        (newState: PopArt)
        (weights: ReadOnlySpan<float>)
        (biases: ReadOnlySpan<float>)
        : struct (float[] * float[]) =
        let tasks = oldState.Scale.Length
        Guard.length (nameof newState) tasks newState.Scale.Length
        Guard.length (nameof biases) tasks biases.Length

        if weights.Length % tasks <> 0 then
            Guard.fail
                (nameof weights)
                $"weights has {weights.Length} elements; it must have a multiple of the {tasks} tasks."

        let weights, biases = weights.ToArray(), biases.ToArray()

        for index in 0 .. weights.Length - 1 do
            let task = index % tasks
            weights[index] <- weights[index] * oldState.Scale[task] / newState.Scale[task]

        for task in 0 .. tasks - 1 do
            let output = oldState.Scale[task] * biases[task] + oldState.Shift[task]
            biases[task] <- (output - newState.Shift[task]) / newState.Scale[task]

        struct (weights, biases)
