/// Losses of users: what PPO's rollouts, epochs and minibatches minimise instead of PPO's own loss (slide 15).
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// What a loss may be written in: of each of M samples (s, a), the columns of a lane of a minibatch.
[<NoEquality; NoComparison>]
type PolicySamples =
    {
        /// log π(a|s) [M] of the policy that learns.
        LogProbability: Expr
        /// log π_old(a|s) [M] of the policy that acted.
        OldLogProbability: Expr
        /// π(a|s) / π_old(a|s) [M].
        Ratio: Expr
        /// (ρ − 1) − ln ρ [M]: an estimate of KL(π_old ‖ π) that is never negative.
        ApproximateKl: Expr
        /// The policy's entropy at s [M].
        Entropy: Expr
        /// V(s) [M] of the value function that learns.
        Value: Expr
        /// V(s) [M] when the step was taken.
        OldValue: Expr
        /// A [M], by GAE(λ): with `NormaliseAdvantages` of mean 0 and standard deviation 1 in the minibatch.
        Advantages: Expr
        /// The λ-returns A + V_old(s) [M], before advantages are normalised.
        Returns: Expr
        /// s [M, n] as the network sees it: encoded and normalised.
        Observations: Expr
        /// a [M, k], in the policy's units.
        Actions: Expr
        /// The share of the plan that is left, a scalar: from 1 at the first update to 0 at `TotalSteps`. For weights
        /// that are to be annealed.
        PlanLeft: Expr
    }

    /// All of them.
    member internal this.All =
        [|
            this.LogProbability
            this.OldLogProbability
            this.Ratio
            this.ApproximateKl
            this.Entropy
            this.Value
            this.OldValue
            this.Advantages
            this.Returns
            this.Observations
            this.Actions
            this.PlanLeft
        |]

/// A loss with what it is called.
[<NoEquality; NoComparison>]
type PolicyLoss =
    {
        /// What files and command lines call it, such as "kl-penalised".
        Id: string
        Name: string
        /// One line that says what it minimises.
        Summary: string
        /// Its terms, each a number a sample: `Term.mean` is minimised with its weight, `Term.report` is reported only.
        /// Called for each lane of a minibatch, always with the same terms.
        Terms: PolicySamples -> Term list
    }

/// Algorithms from losses.
[<RequireQualifiedAccess>]
module PolicyLoss =

    /// What a transition reports besides the terms.
    let private reserved = [ "gradientNorm"; "explainedVariance"; "learningRate"; "epochs"; "klPenalty" ]

    /// The options of PPO that say what its own loss is.
    let private ofOwnLoss: string list =
        let d = PpoOptions.defaults

        [
            nameof d.ClipRange
            nameof d.DualClip
            nameof d.KlPenalty
            nameof d.KlPenaltyTarget
            nameof d.ValueClipRange
            nameof d.EntropyCoefficient
            nameof d.ValueCoefficient
        ]

    /// The options: PPO's without those of its own loss.
    let rows: OptionRow<PpoOptions> list =
        PpoOptions.rows |> List.filter (fun row -> not (List.contains row.Name ofOwnLoss))

    let private samples
        (c: PpoOptions)
        (network: ActorCritic)
        (columns: RolloutColumns)
        (batch: Batch)
        : PolicySamples =
        let output = Forward.output network columns batch
        let struct (logProbability, entropy) = Policy.evaluate network.Head output batch[columns.Actions]
        let old = batch[columns.OldLogProbabilities]

        {
            LogProbability = logProbability
            OldLogProbability = old
            Ratio = PolicyGradients.ratio logProbability old
            ApproximateKl = PolicyGradients.approximateKl logProbability old
            Entropy = entropy
            Value = output.Value
            OldValue = batch[columns.OldValues]
            Advantages =
                if c.Rollout.NormaliseAdvantages then
                    batch.Own(PolicyGradients.standardise (batch.All columns.Advantages))
                else
                    batch[columns.Advantages]
            Returns = batch[columns.Returns]
            Observations = batch[columns.Observations]
            Actions = batch[columns.Actions]
            PlanLeft = batch[PolicyObjective.planLeft]
        }

    /// Requires terms that can be minimised over these samples.
    let private check (loss: PolicyLoss) (samples: PolicySamples) (terms: Term list) =
        if terms.IsEmpty then
            OwnLoss.fail loss.Id "it has no terms; give at least one of the policy and one of the values."

        OwnLoss.check loss.Id reserved samples.All samples.LogProbability.Shape terms
        let ofPolicy = [ samples.LogProbability; samples.Entropy ]

        let struct (minimised, moves) =
            terms
            |> OwnLoss.minimised loss.Id (samples.Value :: ofPolicy) "LogProbability, Ratio, Entropy or Value"

        if not (List.exists (moves ofPolicy) minimised) then
            OwnLoss.fail
                loss.Id
                ("no term depends on the policy's parameters; it would never learn. Use LogProbability, Ratio, "
                 + "ApproximateKl or Entropy in a term that is minimised.")

        if not (List.exists (moves [ samples.Value ]) minimised) then
            OwnLoss.fail
                loss.Id
                ("no term depends on the value function's parameters, and advantages are estimated by it. Add a term "
                 + "such as ½ (Value − Returns)².")

    /// The loss's terms, and reports of the entropy and of the divergence where it has none of these names.
    let private termsOf (loss: PolicyLoss) (c: PpoOptions) =
        let requireSame = OwnLoss.steady loss.Id

        fun (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) ->
            let samples = samples c network columns batch
            let terms = loss.Terms samples
            check loss samples terms
            let names = terms |> List.map _.Name
            requireSame names

            [
                yield! terms
                if not (List.contains "entropy" names) then
                    Term.report "entropy" samples.Entropy
                if not (List.contains "approximateKl" names) then
                    Term.report "approximateKl" samples.ApproximateKl
            ]

    /// The algorithm that minimises a loss: options are PPO's without those of its own loss. Making a learner fails,
    /// saying what is wrong, for terms that are not a number a sample, and where policy or value function would not
    /// learn.
    let entry (loss: PolicyLoss) : AlgorithmEntry =
        OwnLoss.requireId loss.Id

        let bind (c: PpoOptions) environment workers =
            let objective: PolicyObjective =
                {
                    Algorithm = loss.Id
                    Options = Options.toPairs rows c
                    Loss = termsOf loss c
                    Metrics = fun update -> update.Source.Outputs |> List.map fst
                }

            Ppo.bind objective c environment workers

        AlgorithmEntry.create
            {
                Id = loss.Id
                Name = loss.Name
                Summary = loss.Summary
                Source = "A loss of your own."
                Family = AlgorithmFamily.OnPolicy
            }
            PpoOptions.defaults
            rows
            [ "RolloutSteps", "32"; "MinibatchSize", "96" ]
            PpoOptions.validate
            bind
        |> AlgorithmEntry.withParameters (fun pairs -> Options.ofPairs rows pairs PpoOptions.defaults) Ppo.parameters
