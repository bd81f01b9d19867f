/// What policies explore with: noise on actions, each copy's its own, or on the parameters that act.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Objectives

/// What is added to the actions of a deterministic policy so that it explores.
[<RequireQualifiedAccess>]
type ExplorationNoise =
    /// Normal numbers, each drawn for itself.
    | Normal
    /// An Ornstein-Uhlenbeck process in each copy: noise that stays for a while, and starts at 0 in each episode.
    | OrnsteinUhlenbeck
    /// Pink noise, whose power falls with the frequency f as 1/f: some of it changes at once, and some lasts for an
    /// episode (Eberhard et al. 2023). Each episode draws its own.
    | Pink
    /// Normal numbers on the parameters of the actor that acts, the same for some steps, of a size that moves actions
    /// as far as wanted (Plappert et al. 2018).
    | Parameters

/// Options of what deterministic policies explore with.
type NoiseOptions =
    {
        /// What makes actions differ from the policy's while training: numbers drawn each for itself, a process that
        /// wanders and is pulled back to 0, noise of all durations, or another policy nearby.
        Exploration: ExplorationNoise
        /// The standard deviation of that noise, in units of the half-range; of the process, σ of dx = −θ x dt + σ dW;
        /// of noise on parameters, how far it moves actions.
        ExplorationDeviation: RateSchedule
        /// The pull θ of the Ornstein-Uhlenbeck process, whose time goes on by 0.01 a step.
        ExplorationPull: float
        /// Environment steps, over all copies, for which noise on parameters stays.
        ExplorationSteps: int
    }

/// Defaults and rows.
[<RequireQualifiedAccess>]
module NoiseOptions =

    /// Normal numbers of a tenth of the half-range.
    let defaults: NoiseOptions =
        {
            Exploration = ExplorationNoise.Normal
            ExplorationDeviation = RateSchedule.Constant 0.1
            ExplorationPull = 0.15
            ExplorationSteps = 50
        }

    let private noises =
        [
            "normal", ExplorationNoise.Normal
            "ornsteinUhlenbeck", ExplorationNoise.OrnsteinUhlenbeck
            "pink", ExplorationNoise.Pink
            "parameters", ExplorationNoise.Parameters
        ]

    /// A row an option, in the order of files.
    let rows: OptionRow<NoiseOptions> list =
        let d = defaults

        [
            Options.choice noises (nameof d.Exploration) _.Exploration (fun v c -> { c with Exploration = v })
            Options.schedule (nameof d.ExplorationDeviation) Range.notNegative _.ExplorationDeviation (fun v c ->
                { c with ExplorationDeviation = v })
            Options.number (nameof d.ExplorationPull) Range.notNegative _.ExplorationPull (fun v c ->
                { c with ExplorationPull = v })
            Options.whole (nameof d.ExplorationSteps) (Range.atLeast 1.0) _.ExplorationSteps (fun v c ->
                { c with ExplorationSteps = v })
        ]

/// The noise on the actions of all copies. It is part of the training state, so that training goes on from a file with
/// the noise that it had; what a copy carries ends with its episode. Copies may act at the same time.
/// `deviationAfter` environment steps is σ.
[<Sealed>]
type internal ActorNoise(c: NoiseOptions, deviationAfter: int64 -> float, copies: int, actions: int) =

    /// Time of the Ornstein-Uhlenbeck process that passes in a step.
    static let timeStep = 0.01

    // Pink noise has a number for whether it has begun before the processes of each component.
    let width =
        match c.Exploration with
        | ExplorationNoise.Normal
        | ExplorationNoise.Parameters -> 0
        | ExplorationNoise.OrnsteinUhlenbeck -> actions
        | ExplorationNoise.Pink -> 1 + actions * PinkNoise.Processes

    let carried = Array.zeroCreate<float32>(copies * width)

    let normal deviation (noise: Span<float>) (rng: Rng) =
        let mutable rng = rng

        for index in 0 .. actions - 1 do
            let struct (drawn, next) = Rng.normal rng
            noise[index] <- ActionNoise.gaussian 0.0 deviation drawn
            rng <- next

        rng

    let wander deviation copy (noise: Span<float>) (rng: Rng) =
        let own = Span(carried, copy * width, width)
        let mutable rng = rng

        for index in 0 .. actions - 1 do
            let struct (drawn, next) = Rng.normal rng

            let after = ActionNoise.ornsteinUhlenbeck 0.0 deviation c.ExplorationPull timeStep (float own[index]) drawn

            own[index] <- float32 after
            noise[index] <- after
            rng <- next

        rng

    let pink deviation copy (noise: Span<float>) (rng: Rng) =
        let own = Span(carried, copy * width, width)
        let hasBegun = own[0] > 0.0f
        let mutable rng = rng

        for index in 0 .. actions - 1 do
            let processes = own.Slice(1 + index * PinkNoise.Processes, PinkNoise.Processes)

            for number in 0 .. PinkNoise.Processes - 1 do
                let struct (drawn, next) = Rng.normal rng

                processes[number] <-
                    if hasBegun then
                        float32 (PinkNoise.next number (float processes[number]) drawn)
                    else
                        float32 drawn

                rng <- next

            noise[index] <- deviation * PinkNoise.sum (Span.op_Implicit processes)

        own[0] <- 1.0f
        rng

    let next (steps: int64) copy (noise: Span<float>) (rng: Rng) =
        let deviation = deviationAfter steps

        match c.Exploration with
        | ExplorationNoise.Normal -> normal deviation noise rng
        | ExplorationNoise.OrnsteinUhlenbeck -> wander deviation copy noise rng
        | ExplorationNoise.Pink -> pink deviation copy noise rng
        | ExplorationNoise.Parameters ->
            noise.Clear()
            rng

    /// Draws a copy's next numbers after so many environment steps, one for each of its action's: the generator that
    /// follows.
    member _.Next(steps: int64, copy: int, noise: Span<float>, rng: Rng) : Rng = next steps copy noise rng

    /// How a copy acts with noise, from the policy's outputs in [−1, 1].
    member _.Explore: ExploreAction =
        ExploreAction(fun steps copy outputs _ _ action rng ->
            let noise = Scratch.span<float> actions
            let rng = next steps copy noise rng

            for index in 0 .. actions - 1 do
                action[index] <- float32 (ActionNoise.noisy noise[index] (float outputs[index]))

            rng)

    /// The copy's episode has ended: its noise starts anew.
    member _.End(copy: int) : unit = Array.Clear(carried, copy * width, width)

    /// What a training state carries of it.
    member _.Arrays: (string * float32[]) list =
        if width > 0 then
            [ ArrayNames.ExplorationNoise, Array.zeroCreate carried.Length ]
        else
            []

    /// Goes on with the noise of a state.
    member _.Load(draft: Draft) : unit = if width > 0 then (draft.Array ArrayNames.ExplorationNoise).CopyTo(carried, 0)

    /// Leaves it to the next state.
    member _.Store(draft: Draft) : unit = if width > 0 then carried.CopyTo(draft.Array ArrayNames.ExplorationNoise, 0)

/// Noise on the parameters of an actor, which its update has as a group: it is drawn anew every few steps, and grows or
/// shrinks until it moves actions as far as wanted.
[<Sealed>]
type internal ParameterNoise(c: NoiseOptions, deviationAfter: int64 -> float, update: Update, actor: string) =
    let isOn = c.Exploration.IsParameters

    // σ, the number of the stretch of steps that the noise is for, how far it moved actions of the last batch.
    let progress = [| float32 (deviationAfter 0L); -1.0f; 0.0f |]
    let own: float32[] = Array.copy progress
    let acting = Array.zeroCreate<float32>(if isOn then (update.Group actor).Length else 0)

    /// What the group of the noise is called.
    static member Group = "parameterNoise"

    /// What the noise's size and age are called.
    static member Progress = "parameterNoiseProgress"

    /// What the update is to report: the mean square of how far the noise moves actions.
    static member Distance = "noiseDistance"

    /// What σ is multiplied with or divided by at each draw.
    static member Factor = 1.01

    /// The parameters that act.
    member _.Acting: ReadOnlyMemory<float32> =
        if isOn then
            let parameters = (update.Group actor).Span
            let noise = (update.Group ParameterNoise.Group).Span

            for index in 0 .. acting.Length - 1 do
                acting[index] <- parameters[index] + noise[index]

            ReadOnlyMemory acting
        else
            Memory.op_Implicit (update.Group actor)

    /// Draws noise anew where that is due after so many environment steps: the generator that follows.
    member _.Draw(steps: int64, key: Rng) : Rng =
        let number = float32 (steps / int64 c.ExplorationSteps)

        if not isOn || number = own[1] then
            key
        else
            // Before the first draw nothing was measured.
            let target = deviationAfter steps

            if own[1] >= 0.0f && target > 0.0 then
                let distance = sqrt (float own[2])
                own[0] <- float32 (Exploration.adaptDeviation ParameterNoise.Factor target distance (float own[0]))

            own[1] <- number
            let noise = (update.Group ParameterNoise.Group).Span
            let mutable key = key

            for index in 0 .. noise.Length - 1 do
                let struct (drawn, next) = Rng.normal key
                noise[index] <- float32 (float own[0] * drawn)
                key <- next

            key

    /// The actor's update has run: how far the noise moves actions is known.
    member _.Measure() : unit = if isOn then own[2] <- float32 (update.Scalar ParameterNoise.Distance)

    /// What a training state carries of it beside the group.
    member _.Arrays: (string * float32[]) list = if isOn then [ ParameterNoise.Progress, Array.copy progress ] else []

    /// What there is to report.
    member _.Metrics: struct (string * float)[] = if isOn then [| struct ("parameterNoise", float own[0]) |] else [||]

    /// Goes on with the noise of a state.
    member _.Load(draft: Draft) : unit = if isOn then (draft.Array ParameterNoise.Progress).CopyTo(own, 0)

    /// Leaves it to the next state.
    member _.Store(draft: Draft) : unit = if isOn then own.CopyTo(draft.Array ParameterNoise.Progress, 0)
