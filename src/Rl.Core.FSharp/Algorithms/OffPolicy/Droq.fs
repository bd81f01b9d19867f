/// DroQ: many updates a step with two critics that dropout makes uncertain.
namespace Rl.Core.Algorithms

open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of DroQ (Hiraoka et al. 2022).
type DroqOptions =
    {
        Soft: SoftOptions
        /// The share τ of the critics in their targets after each step.
        TargetRate: float
        /// The number of critics, whose least value is the target and whose mean the actor climbs.
        Critics: int
        /// The probability with which an element of a critic's hidden layer is dropped.
        DropoutRate: float
        /// Updates of the critics for one of the actor and the temperature.
        PolicyDelay: int
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module DroqOptions =

    /// SAC's for small tasks, with the paper's dropout of a hundredth and twenty updates a step, of which the last
    /// moves the actor.
    let defaults =
        {
            Soft = SoftOptions.ofManyUpdates
            TargetRate = SacOptions.defaults.TargetRate
            Critics = 2
            DropoutRate = 0.01
            PolicyDelay = 20
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<DroqOptions> list =
        let d = defaults

        SoftOptions.around
            _.Soft
            (fun v (c: DroqOptions) -> { c with Soft = v })
            [
                Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                    { c with TargetRate = v })
                Options.whole (nameof d.Critics) (Range.within 1.0 100.0) _.Critics (fun v c -> { c with Critics = v })
                Options.number (nameof d.DropoutRate) Range.belowOne _.DropoutRate (fun v c ->
                    { c with DropoutRate = v })
                Options.whole (nameof d.PolicyDelay) (Range.atLeast 1.0) _.PolicyDelay (fun v c ->
                    { c with PolicyDelay = v })
            ]
        |> OffPolicyOptions.withoutLambda

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: DroqOptions) =
        NetworkOptions.validate rows defaults options
        SoftOptions.validate options.Soft

    /// The options as named texts.
    let toPairs (options: DroqOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : DroqOptions = Options.ofPairs rows pairs defaults

/// DroQ (Hiraoka et al., "Dropout Q-functions for doubly efficient reinforcement learning", 2022).
[<RequireQualifiedAccess>]
module Droq =

    /// Each hidden layer of a critic is its weights, dropout, layer normalisation, activation; so is each dense layer
    /// of a user's own.
    let private networksOf (c: DroqOptions) (observations: Space) (actions: Space) : SoftNetworks =
        let networks = SoftNetworks.create "droq" c.Soft c.Critics observations actions
        { networks with Critic.Layers.LayerNormalisation = true }

    /// 0 for the elements of the critics' hidden layers that are dropped, 1 for the others: critic by critic, layer by
    /// layer. The targets, the critics and the critics that the actor climbs each have their own.
    let private drops (critic: ActionCritic) (who: string) : Column =
        Column.step (who + "Drops") (critic.Count * List.sum (Mlp.widths critic.Layers))

    /// Writes 1 where an element is kept and 0 where it is dropped, each with the probability `rate`: the generator
    /// that follows. What is drawn is how many are kept in a row, of which P(k) = (1 − p)ᵏ p.
    let internal drop (rate: float) (kept: float32[]) (rng: Rng) : Rng =
        System.Array.Fill(kept, 1.0f)
        let mutable rng = rng
        let mutable place = 0

        while rate > 0.0 && place < kept.Length do
            let struct (u, next) = Rng.uniform rng
            rng <- next
            let between = floor (log (1.0 - u) / log (1.0 - rate))

            if between < float (kept.Length - place) then
                place <- place + int between
                kept[place] <- 0.0f
                place <- place + 1
            else
                place <- kept.Length

        rng

    /// The values of each critic with these elements dropped.
    let private values (c: DroqOptions) (critic: ActionCritic) (batch: Batch) group who observations actions =
        let widths = List.replicate critic.Count (Mlp.widths critic.Layers) |> List.concat

        let kept =
            if widths.IsEmpty then
                [||]
            else
                Heads.split widths batch[drops critic who] |> List.toArray

        ActionCritic.train
            (fun layer y -> Dropout.apply c.DropoutRate kept[layer] y)
            critic
            (batch.Parameters group)
            observations
            actions
        |> List.map (fun trained -> Heads.value trained.Output)

    /// ½ Σᵢ (qᵢ(s, a) − y)² with y = r + γ (min q̄(s′, a′) − α ln π(a′|s′)), all q with dropout.
    let private evaluation (c: DroqOptions) (parts: SoftParts) (batch: Batch) =
        let critic, columns = parts.Critic, parts.Columns
        let struct (action, logProbability) = SoftPolicy.atNext parts.Policy (batch.Parameters "actor") columns batch
        let next = values c critic batch "targets" "targets" batch[columns.NextObservations] action

        ActionCritic.least next - SoftPolicy.temperature batch * logProbability
        |> OffPolicy.target batch[columns.Rewards] batch[DrawnColumns.discounts]
        |> SoftActorCritics.regression
            parts
            0.5
            batch
            (values c critic batch "critics" "critics" batch[columns.Observations] batch[columns.Actions])

    /// α ln π(a|s) − the mean of all q(s, a) with dropout, and −ln α (ln π(a|s) + H).
    let private improvement (c: DroqOptions) (parts: SoftParts) (batch: Batch) =
        let critic, columns = parts.Critic, parts.Columns
        let struct (action, logProbability) = SoftPolicy.atPresent parts.Policy (batch.Parameters "actor") columns batch

        values c critic batch "critics" "actor" batch[columns.Observations] action
        |> ActionCritic.mean
        |> SoftPolicy.improvement parts.Policy batch logProbability

    let private bind (c: DroqOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let parts = SoftParts.create "droq" (DroqOptions.toPairs c) c.Soft (networksOf c) c.PolicyDelay environment
        let steps = SoftActorCritics.steps parts c.TargetRate (evaluation c parts) (improvement c parts)

        let kept who =
            let column = drops parts.Critic who
            column, Array.zeroCreate<float32>(c.Soft.OffPolicy.BatchSize * column.Numbers)

        let ofCritics, ofActor =
            if (Mlp.widths parts.Critic.Layers).IsEmpty then
                [], []
            else
                [ kept "targets"; kept "critics" ], [ kept "actor" ]

        let dropAll rng kept = kept |> List.fold (fun rng (_, values) -> drop c.DropoutRate values rng) rng

        let draw moves rng =
            let rng = dropAll rng ofCritics
            if moves then dropAll rng ofActor else rng

        SoftActorCritics.learner
            parts
            { steps with Draw = draw; Drawn = ofCritics @ ofActor }
            (SoftActorCritics.ofGroup steps)
            environment
            workers

    /// Binds options to environments, whose actions must be numbers within finite bounds. `workers` share the work; the
    /// results do not depend on their number.
    let create (options: DroqOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        DroqOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "droq"
                Name = "DroQ"
                Summary =
                    ("Soft actor-critic with many updates a step, whose critics have dropout and layer normalisation "
                     + "(Hiraoka et al. 2022).")
                Source = "Hiraoka et al., \"Dropout Q-functions for doubly efficient reinforcement learning\" (2022)"
                Family = AlgorithmFamily.OffPolicy
            }
            DroqOptions.defaults
            DroqOptions.rows
            (OffPolicyOptions.small @ [ "GradientSteps", "-1"; "PolicyDelay", "3"; "DropoutRate", "0.1" ])
            DroqOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withParameters DroqOptions.ofPairs (fun c observations actions ->
            (SoftNetworks.layout (networksOf c observations actions)).Count)
