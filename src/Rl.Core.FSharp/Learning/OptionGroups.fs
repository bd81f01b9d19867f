/// Options that several algorithms have: groups with rows of their own, declared once.
namespace Rl.Core.Learning

open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// What training is planned for.
type PlanOptions =
    {
        /// Environment steps that training is planned for; schedules end there.
        TotalSteps: int64
    }

[<RequireQualifiedAccess>]
module PlanOptions =
    let private o = Unchecked.defaultof<PlanOptions>

    let rows: OptionRow<PlanOptions> list =
        [ Options.long (nameof o.TotalSteps) (Range.atLeast 1.0) _.TotalSteps (fun v _ -> { TotalSteps = v }) ]

    /// A schedule's value after so many environment steps.
    let after (options: PlanOptions) (steps: int64) (schedule: RateSchedule) : float =
        RateSchedule.after options.TotalSteps steps schedule

    /// The share of the plan that is left after so many environment steps: from 1 to 0, and 0 from then on.
    let left (options: PlanOptions) (steps: int64) : float = max 0.0 (1.0 - float steps / float options.TotalSteps)

/// What an on-policy algorithm collects between updates, and how it is credited.
type OnPolicyOptions =
    {
        /// Steps of each copy between updates, T.
        RolloutSteps: int
        /// The discount γ.
        Discount: float
        /// The λ of generalised advantage estimation (Schulman et al. 2016).
        GaeLambda: float
        /// Subtract the mean of a rollout's advantages and divide by their standard deviation.
        NormaliseAdvantages: bool
        /// Divide rewards by the running standard deviation of the discounted return, clipped to ± 10.
        NormaliseRewards: bool
    }

[<RequireQualifiedAccess>]
module OnPolicyOptions =
    let private o = Unchecked.defaultof<OnPolicyOptions>

    /// Rollouts of `steps` in each copy, γ = 0.99, and λ; advantages are standardised, rewards are not.
    let defaults steps lambda =
        {
            RolloutSteps = steps
            Discount = 0.99
            GaeLambda = lambda
            NormaliseAdvantages = true
            NormaliseRewards = false
        }

    let steps: OptionRow<OnPolicyOptions> list =
        [
            Options.whole (nameof o.RolloutSteps) (Range.atLeast 1.0) _.RolloutSteps (fun v c ->
                { c with RolloutSteps = v })
        ]

    let credit: OptionRow<OnPolicyOptions> list =
        [
            Options.number (nameof o.Discount) Range.fraction _.Discount (fun v c -> { c with Discount = v })
            Options.number (nameof o.GaeLambda) Range.fraction _.GaeLambda (fun v c -> { c with GaeLambda = v })
        ]

    let normaliseAdvantages: OptionRow<OnPolicyOptions> list =
        [
            Options.flag (nameof o.NormaliseAdvantages) _.NormaliseAdvantages (fun v c ->
                { c with NormaliseAdvantages = v })
        ]

    let normaliseRewards: OptionRow<OnPolicyOptions> list =
        [ Options.flag (nameof o.NormaliseRewards) _.NormaliseRewards (fun v c -> { c with NormaliseRewards = v }) ]

/// How a stochastic policy starts.
type ExplorationOptions =
    {
        /// The start of ln σ for continuous actions.
        InitialLogStandardDeviation: float
    }

[<RequireQualifiedAccess>]
module ExplorationOptions =
    let private o = Unchecked.defaultof<ExplorationOptions>

    let rows: OptionRow<ExplorationOptions> list =
        [
            Options.number (nameof o.InitialLogStandardDeviation) Range.finite _.InitialLogStandardDeviation (fun v _ ->
                { InitialLogStandardDeviation = v })
        ]

/// A step size.
type RateOptions =
    {
        /// Adam's step size α.
        LearningRate: RateSchedule
    }

[<RequireQualifiedAccess>]
module RateOptions =
    let private o = Unchecked.defaultof<RateOptions>

    /// What older files say of a rate that falls to 0.
    [<Literal>]
    let internal FormerFall = "AnnealLearningRate"

    let rows: OptionRow<RateOptions> list =
        [ Options.rate (nameof o.LearningRate) _.LearningRate (fun v _ -> { LearningRate = v }) ]
        |> Options.former
            (nameof o.LearningRate)
            [ Options.formerFall FormerFall (fun fall c -> { LearningRate = fall c.LearningRate }) ]

    /// The step size after so many environment steps.
    let after (plan: PlanOptions) (steps: int64) (options: RateOptions) : float =
        PlanOptions.after plan steps options.LearningRate

/// How often one of several actions is chosen at random (ε-greedy).
type EpsilonGreedyOptions =
    {
        /// ε, the probability of a random action.
        ExplorationRate: RateSchedule
    }

[<RequireQualifiedAccess>]
module EpsilonGreedyOptions =
    let private o = Unchecked.defaultof<EpsilonGreedyOptions>

    // Older files have the ends of a straight line and the share of training that it takes.
    let private former: (string * (string -> EpsilonGreedyOptions -> EpsilonGreedyOptions)) list =
        let change name (set: float -> float * float * float -> float * float * float) =
            name,
            fun text (c: EpsilonGreedyOptions) ->
                let line =
                    match c.ExplorationRate with
                    | RateSchedule.Linear(initial, final, over) -> initial, final, over
                    | RateSchedule.Constant rate -> rate, rate, 1.0
                    | other ->
                        Guard.fail
                            name
                            ($"{name} does not go with the schedule {RateSchedule.print other}; leave it out, and say "
                             + "all in ExplorationRate, such as linear(1, 0.05, 20%).")

                { ExplorationRate = RateSchedule.Linear(set (Settings.toFloat name text) line) }

        [
            change "InitialExploration" (fun v (_, final, over) -> v, final, over)
            change "FinalExploration" (fun v (initial, _, over) -> initial, v, over)
            change "ExplorationFraction" (fun v (initial, final, _) -> initial, final, v)
        ]

    let rows: OptionRow<EpsilonGreedyOptions> list =
        [
            Options.schedule (nameof o.ExplorationRate) Range.fraction _.ExplorationRate (fun v _ ->
                { ExplorationRate = v })
        ]
        |> Options.former (nameof o.ExplorationRate) former

    /// ε after so many environment steps.
    let after (plan: PlanOptions) (steps: int64) (options: EpsilonGreedyOptions) : float =
        PlanOptions.after plan steps options.ExplorationRate

/// What moves parameters along gradients.
[<RequireQualifiedAccess>]
type OptimiserKind =
    /// Adam (Kingma and Ba 2015); decay is added to the gradient.
    | Adam
    /// Adam with decay apart from the gradient (Loshchilov and Hutter 2019).
    | AdamW
    /// Rectified Adam (Liu et al. 2020); decay is added to the gradient.
    | RAdam
    /// Orthogonalised momentum for the weights of hidden layers, AdamW for all else (Jordan et al. 2024).
    | Muon

/// The optimiser beside its step size.
type OptimiserOptions =
    {
        /// What moves parameters along gradients: Adam, Adam with its decay apart from the gradient, rectified Adam, or
        /// Muon, which moves the weights of hidden layers by orthogonalised momentum and all else as adamW.
        Optimiser: OptimiserKind
        /// λ: parameters decay by α λ times themselves at each step; with adam and rAdam λ times them is added to the
        /// gradient instead.
        WeightDecay: float
    }

[<RequireQualifiedAccess>]
module OptimiserOptions =
    let private o = Unchecked.defaultof<OptimiserOptions>

    /// Adam without decay.
    let defaults: OptimiserOptions = { Optimiser = OptimiserKind.Adam; WeightDecay = 0.0 }

    let private kinds =
        [
            "adam", OptimiserKind.Adam
            "adamW", OptimiserKind.AdamW
            "rAdam", OptimiserKind.RAdam
            "muon", OptimiserKind.Muon
        ]

    let rows: OptionRow<OptimiserOptions> list =
        [
            Options.choice kinds (nameof o.Optimiser) _.Optimiser (fun v c -> { c with Optimiser = v })
            Options.number (nameof o.WeightDecay) Range.notNegative _.WeightDecay (fun v c ->
                { c with WeightDecay = v })
        ]

    /// The optimiser with PyTorch's constants, and Muon's momentum of 0.95.
    let transform (rate: Schedule) (epsilon: float) (options: OptimiserOptions) : Transform =
        let decay = options.WeightDecay

        match options.Optimiser with
        | OptimiserKind.Adam -> Optimiser.adamWith rate 0.9 0.999 epsilon decay false
        | OptimiserKind.AdamW -> Optimiser.adamW rate 0.9 0.999 epsilon decay false
        | OptimiserKind.RAdam -> Optimiser.rAdam rate 0.9 0.999 epsilon decay
        | OptimiserKind.Muon -> Optimiser.muon rate 0.95 0.9 0.999 epsilon decay

/// How F⁻¹∇J is solved for.
type ConjugateGradientOptions =
    {
        /// Iterations of conjugate gradients.
        CgSteps: int
        /// What is added to the diagonal of the Fisher information.
        CgDamping: float
    }

[<RequireQualifiedAccess>]
module ConjugateGradientOptions =
    let private o = Unchecked.defaultof<ConjugateGradientOptions>

    let rows: OptionRow<ConjugateGradientOptions> list =
        [
            Options.whole (nameof o.CgSteps) (Range.atLeast 1.0) _.CgSteps (fun v c -> { c with CgSteps = v })
            Options.number (nameof o.CgDamping) Range.notNegative _.CgDamping (fun v c -> { c with CgDamping = v })
        ]

/// The regression of a value function on its own.
type ValueFitOptions =
    {
        /// Passes of the value function's regression over a rollout.
        ValueEpochs: int
        /// Samples of one of its gradient steps.
        ValueMinibatchSize: int
        /// Adam's step size for the value function.
        ValueLearningRate: RateSchedule
    }

[<RequireQualifiedAccess>]
module ValueFitOptions =
    let private o = Unchecked.defaultof<ValueFitOptions>

    let rows: OptionRow<ValueFitOptions> list =
        [
            Options.whole (nameof o.ValueEpochs) (Range.atLeast 1.0) _.ValueEpochs (fun v c ->
                { c with ValueEpochs = v })
            Options.whole (nameof o.ValueMinibatchSize) (Range.atLeast 1.0) _.ValueMinibatchSize (fun v c ->
                { c with ValueMinibatchSize = v })
            Options.rate (nameof o.ValueLearningRate) _.ValueLearningRate (fun v c -> { c with ValueLearningRate = v })
        ]

/// What a candidate policy is judged by.
type CandidateOptions =
    {
        /// Episodes that a policy is judged by.
        EpisodesPerCandidate: int
        /// An episode counts for no more than this many steps.
        MaxEpisodeSteps: int
    }

[<RequireQualifiedAccess>]
module CandidateOptions =
    let private o = Unchecked.defaultof<CandidateOptions>

    let rows: OptionRow<CandidateOptions> list =
        [
            Options.whole (nameof o.EpisodesPerCandidate) (Range.atLeast 1.0) _.EpisodesPerCandidate (fun v c ->
                { c with EpisodesPerCandidate = v })
            Options.whole (nameof o.MaxEpisodeSteps) (Range.atLeast 1.0) _.MaxEpisodeSteps (fun v c ->
                { c with MaxEpisodeSteps = v })
        ]
