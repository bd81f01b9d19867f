/// Options that soft actor-critics share, whatever their critics.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// The standard normal numbers that a stochastic policy's actions are drawn with while it explores.
[<RequireQualifiedAccess>]
type PolicyNoise =
    /// Each for itself.
    | Normal
    /// Those of pink noise, which begins anew in each episode: actions stay on one side of their mean for a while, now
    /// short, now long (Eberhard et al. 2023). Updates draw actions as before.
    | Pink

/// What training of a soft actor-critic is planned for, how it replays, its layers, step sizes, temperature and policy.
type SoftOptions =
    {
        Plan: PlanOptions
        OffPolicy: OffPolicyOptions
        Network: NetworkOptions
        /// The actor's.
        Rate: RateOptions
        /// Adam's step size α for the critics.
        CriticLearningRate: RateSchedule
        /// Adam's step size for ln α.
        TemperatureLearningRate: RateSchedule
        /// The temperature α that training starts with.
        InitialTemperature: float
        /// Learn the temperature; else it stays as it starts.
        LearnTemperature: bool
        /// The entropy that the temperature aims at, times the numbers of an action; −1 in most implementations.
        TargetEntropyPerAction: float
        /// The least ln σ of the policy.
        LeastLogDeviation: float
        /// The largest ln σ of the policy.
        LargestLogDeviation: float
        /// Where actions are numbers alone: what they are drawn with while training: normal numbers, each for itself,
        /// or those of pink noise, by which actions stay on one side of their mean for a while.
        Exploration: PolicyNoise
        /// Layers for observations that are images, of actor and critics each: those of DQN for Atari for 36 pixels and
        /// more, else those of MinAtar; or layers of your own, or none.
        Convolutions: Convolutions
    }

/// Defaults, rows and checks.
[<RequireQualifiedAccess>]
module SoftOptions =
    let private o = Unchecked.defaultof<SoftOptions>

    /// Those of small tasks: narrow layers and large steps; Stable Baselines3 has two layers of 256 and steps of 3e-4.
    /// ln σ is squashed into [−5, 2] as in CleanRL, so that it has a derivative everywhere.
    let defaults: SoftOptions =
        {
            Plan = { TotalSteps = 20_000L }
            OffPolicy = { OffPolicyOptions.defaults with LearningStarts = 100; GradientSteps = -1; BatchSize = 100 }
            Network = { NetworkOptions.defaults [ 64; 64 ] with Activation = Activation.Relu }
            Rate = { LearningRate = RateSchedule.Constant 1e-3 }
            CriticLearningRate = RateSchedule.Constant 1e-3
            TemperatureLearningRate = RateSchedule.Constant 1e-3
            InitialTemperature = 1.0
            LearnTemperature = true
            TargetEntropyPerAction = -1.0
            LeastLogDeviation = -5.0
            LargestLogDeviation = 2.0
            Exploration = PolicyNoise.Normal
            Convolutions = Convolutions.Automatic
        }

    /// Those of many updates a step, of which few steps are enough.
    let ofManyUpdates: SoftOptions = { defaults with Plan.TotalSteps = 5_000L; OffPolicy.GradientSteps = -20 }

    let private network rows =
        Options.group (fun (c: SoftOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

    /// Rows of plan, replay, step sizes and temperature.
    let private learning: OptionRow<SoftOptions> list =
        [
            yield! Options.group _.Plan (fun v (c: SoftOptions) -> { c with Plan = v }) PlanOptions.rows
            yield! Options.group _.OffPolicy (fun v (c: SoftOptions) -> { c with OffPolicy = v }) OffPolicyOptions.rows
            yield! Options.group _.Rate (fun v (c: SoftOptions) -> { c with Rate = v }) ActorCritics.rateRows
            Options.rate (nameof o.CriticLearningRate) _.CriticLearningRate (fun v c ->
                { c with CriticLearningRate = v })
            Options.rate (nameof o.TemperatureLearningRate) _.TemperatureLearningRate (fun v c ->
                { c with TemperatureLearningRate = v })
            Options.number (nameof o.InitialTemperature) Range.positive _.InitialTemperature (fun v c ->
                { c with InitialTemperature = v })
            Options.flag (nameof o.LearnTemperature) _.LearnTemperature (fun v c -> { c with LearnTemperature = v })
            Options.number (nameof o.TargetEntropyPerAction) Range.finite _.TargetEntropyPerAction (fun v c ->
                { c with TargetEntropyPerAction = v })
        ]
        |> Options.former
            (nameof o.Rate.LearningRate)
            [
                Options.formerFall RateOptions.FormerFall (fun fall c ->
                    { c with
                        Rate.LearningRate = fall c.Rate.LearningRate
                        CriticLearningRate = fall c.CriticLearningRate
                        TemperatureLearningRate = fall c.TemperatureLearningRate
                    })
            ]

    /// Rows of the policy's deviation, and of what networks see and their layers.
    let private networks: OptionRow<SoftOptions> list =
        [
            Options.number (nameof o.LeastLogDeviation) Range.finite _.LeastLogDeviation (fun v c ->
                { c with LeastLogDeviation = v })
            Options.number (nameof o.LargestLogDeviation) Range.finite _.LargestLogDeviation (fun v c ->
                { c with LargestLogDeviation = v })
            Options.choice
                [ "normal", PolicyNoise.Normal; "pink", PolicyNoise.Pink ]
                (nameof o.Exploration)
                _.Exploration
                (fun v c -> { c with Exploration = v })
            yield! network NetworkOptions.normaliseObservations
            yield! network (NetworkOptions.ofActionCritics NetworkOptions.layers)
            Options.convolutions (nameof o.Convolutions) _.Convolutions (fun v c -> { c with Convolutions = v })
        ]

    /// A row an option, in the order of files, of options that have these as a field: those of an algorithm alone stand
    /// before those of networks.
    let around (get: 'C -> SoftOptions) (set: SoftOptions -> 'C -> 'C) (own: OptionRow<'C> list) : OptionRow<'C> list =
        Options.group get set learning @ own @ Options.group get set networks

    let internal actorRate (c: SoftOptions) = Rate.create (nameof c.Rate.LearningRate) c.Rate.LearningRate
    let internal criticRate (c: SoftOptions) = Rate.create (nameof c.CriticLearningRate) c.CriticLearningRate

    let internal temperatureRate (c: SoftOptions) =
        Rate.create (nameof c.TemperatureLearningRate) c.TemperatureLearningRate

    /// The rates of its optimisers.
    let internal rates (c: SoftOptions) : Rate list = [ actorRate c; criticRate c; temperatureRate c ]

    /// Fails for options that do not go together.
    let validate (options: SoftOptions) : unit =
        OffPolicyOptions.validate options.OffPolicy

        if not (options.LeastLogDeviation < options.LargestLogDeviation) then
            Guard.fail
                (nameof options.LeastLogDeviation)
                ($"LeastLogDeviation is {options.LeastLogDeviation} and LargestLogDeviation "
                 + $"{options.LargestLogDeviation}; the first must be less.")
