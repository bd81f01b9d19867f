/// Losses of users for action values: what DQN's replay, targets and exploration minimise instead of DQN's own loss
/// (slide 21).
namespace Rl.Core.Algorithms

open Rl.Core.Autodiff
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Networks

/// What a loss may be written in: of each of M transitions (s, a, r, s′), the columns of a lane of a batch. Of actions
/// of several choices at once a loss is asked for each choice, and its terms are the means over them.
[<NoEquality; NoComparison>]
type ValueSamples =
    {
        /// Q(s, a) [M] of the network that learns.
        Value: Expr
        /// y [M], what Q(s, a) is to become: r + γ · the value of s′ that the option `Target` says, or an n-step or
        /// λ-return; constant to derivatives.
        Target: Expr
        /// δ = y − Q(s, a) [M], constant to derivatives in y.
        Error: Expr
        /// Q(s, ·) [M, n] of all n actions.
        Values: Expr
        /// w [M]: what each transition counts, 1 but for prioritised replay. Terms that are minimised are multiplied
        /// with it; a loss does not do so itself.
        Weights: Expr
        /// s [M, o] as the network sees it: encoded and normalised.
        Observations: Expr
        /// a [M]: the number of the action.
        Actions: Expr
        /// The share of the plan that is left, a scalar: from 1 at the first update to 0 at `TotalSteps`. For weights
        /// that are to be annealed.
        PlanLeft: Expr
    }

    /// All of them.
    member internal this.All =
        [|
            this.Value
            this.Target
            this.Error
            this.Values
            this.Weights
            this.Observations
            this.Actions
            this.PlanLeft
        |]

/// A loss of action values with what it is called.
[<NoEquality; NoComparison>]
type ValueLoss =
    {
        /// What files and command lines call it, such as "log-cosh".
        Id: string
        Name: string
        /// One line that says what it minimises.
        Summary: string
        /// Its terms, each a number a transition: `Term.mean` is minimised with its weight, `Term.report` is reported
        /// only. Called for each lane of a batch, always with the same terms.
        Terms: ValueSamples -> Term list
    }

/// Algorithms from losses of action values.
[<RequireQualifiedAccess>]
module ValueLoss =

    /// What an update reports besides the terms.
    let private reserved =
        [
            ValueLearner.ActionValue
            ValueLearner.Errors
            "gradientNorm"
            "learningRate"
            "explorationRate"
            "noiseDeviation"
            "planLeft"
        ]

    /// The options: DQN's without the loss.
    let rows: OptionRow<DqnOptions> list = Options.without [ nameof DqnOptions.defaults.Loss ] DqnOptions.rows

    let private planLeft = Rate.create "PlanLeft" (RateSchedule.linear 1.0 0.0)

    let private samples (columns: TransitionColumns) (batch: Batch) (regressed: RegressedValues) : ValueSamples list =
        let actions = Heads.split [ for _ in regressed.Values -> 1 ] batch[columns.Actions]

        List.zip3 (List.zip regressed.Values regressed.Chosen) regressed.Errors actions
        |> List.map (fun ((values, chosen), error, action) ->
            {
                Value = chosen
                Target = Expr.stopGradient regressed.Target
                Error = error
                Values = values
                Weights = batch[DrawnColumns.weights]
                Observations = batch[columns.Observations]
                Actions = Expr.squeeze -1 action
                PlanLeft = Rate.value batch planLeft
            })

    /// Requires terms that can be minimised over these samples.
    let private check (loss: ValueLoss) (samples: ValueSamples) (terms: Term list) =
        if terms.IsEmpty then
            OwnLoss.fail loss.Id "it has no terms; give at least one of the action values, such as Huber's of Error."

        OwnLoss.check loss.Id reserved samples.All samples.Value.Shape terms

        let struct (minimised, _) =
            terms |> OwnLoss.minimised loss.Id [ samples.Value; samples.Values ] "Value, Error or Values"

        if minimised.IsEmpty then
            OwnLoss.fail loss.Id "no term is minimised; give one that is no report and has a weight other than 0."

    /// The loss's terms for one batch: of several choices at once their means.
    let private costs (loss: ValueLoss) : TransitionColumns -> Batch -> RegressedValues -> Term list =
        let requireSame = OwnLoss.steady loss.Id

        fun columns batch regressed ->
            let ofChoices =
                [
                    for samples in samples columns batch regressed do
                        let terms = loss.Terms samples
                        check loss samples terms
                        requireSame (terms |> List.map _.Name)
                        terms
                ]

            List.transpose ofChoices
            |> List.map (fun same -> { same.Head with PerSample = Dqn.mean (same |> List.map _.PerSample) })

    /// The algorithm that minimises a loss: options are DQN's without its loss. Making a learner fails, saying what is
    /// wrong, for terms that are not a number a transition, and where action values would not learn.
    let entry (loss: ValueLoss) : AlgorithmEntry =
        OwnLoss.requireId loss.Id

        let bind (c: DqnOptions) environment workers =
            let reported (update: Update) = update.Source.Outputs |> List.map fst |> List.except [ ValueLearner.Errors ]

            let objective: ValueObjective =
                {
                    Algorithm = loss.Id
                    Options = Options.toPairs rows c
                    Costs = costs loss
                    Rates = [ planLeft ]
                    Reported = Some reported
                }

            Dqn.bind objective c environment workers

        AlgorithmEntry.create
            {
                Id = loss.Id
                Name = loss.Name
                Summary = loss.Summary
                Source = "A loss of your own."
                Family = AlgorithmFamily.OffPolicy
            }
            DqnOptions.defaults
            rows
            ValueOptions.small
            DqnOptions.validate
            bind
        |> AlgorithmEntry.withActions (ValueNetwork.components >> Option.isSome)
        |> AlgorithmEntry.withParameters (fun pairs -> Options.ofPairs rows pairs DqnOptions.defaults) Dqn.parameters
