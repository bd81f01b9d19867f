/// Soft Q imitation learning: soft actor-critic that is paid 1 for each recorded step of an expert and 0 for each of
/// its own.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// Options of soft Q imitation learning (Reddy, Dragan and Levine 2020).
type SqilOptions =
    {
        Soft: SoftOptions
        /// The share τ of the critics in their targets when these move.
        TargetRate: float
        Choices: SacChoiceOptions
        /// The number of critics, of which the least value counts.
        Critics: int
        /// The share of an update's transitions that are the expert's, rounded to whole ones; the others are the
        /// policy's own.
        DemonstrationShare: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module SqilOptions =

    /// SAC's, with as many steps of the expert as of the policy.
    let defaults =
        {
            Soft = SoftOptions.defaults
            TargetRate = SacOptions.defaults.TargetRate
            Choices = SacOptions.defaults.Choices
            Critics = SacOptions.defaults.Critics
            DemonstrationShare = 0.5
        }

    let private own: OptionRow<SqilOptions> list =
        let d = defaults

        [
            Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                { c with TargetRate = v })
            Options.whole (nameof d.Critics) (Range.within 1.0 100.0) _.Critics (fun v c -> { c with Critics = v })
            Options.number (nameof d.DemonstrationShare) Range.fraction _.DemonstrationShare (fun v c ->
                { c with DemonstrationShare = v })
        ]

    /// A row an option, in the order of files: SAC's without returns of several steps, priorities and hindsight, since
    /// the expert's transitions are of one step and drawn alike.
    let rows: OptionRow<SqilOptions> list =
        let o = Unchecked.defaultof<OffPolicyOptions>

        [
            yield!
                SoftOptions.around _.Soft (fun v (c: SqilOptions) -> { c with Soft = v }) own
                |> Options.meaning
                    (nameof defaults.Soft.TargetEntropyPerAction)
                    ("Where actions are numbers: the entropy that the temperature aims at, times the numbers of an "
                     + "action; −1 in most implementations.")
            yield! Options.group _.Choices (fun v (c: SqilOptions) -> { c with Choices = v }) SacChoiceOptions.rows
        ]
        |> Options.without
            [
                nameof o.ReturnSteps
                nameof o.ReturnLambda
                nameof o.PriorityExponent
                nameof o.ImportanceExponent
                nameof o.HindsightGoals
                nameof o.HindsightChoice
            ]

    /// The transitions of an update that are the expert's.
    let internal demonstrations (options: SqilOptions) : int =
        int (Math.Round(options.DemonstrationShare * float options.Soft.OffPolicy.BatchSize))

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: SqilOptions) =
        Options.validate rows options
        SoftOptions.validate options.Soft
        let size, count = options.Soft.OffPolicy.BatchSize, demonstrations options

        if count < 1 || count >= size then
            Guard.fail
                (nameof options.DemonstrationShare)
                ($"DemonstrationShare is {options.DemonstrationShare} and BatchSize {size}: {count} of an update's "
                 + "transitions would be the expert's. There must be at least one of the expert's and one of the "
                 + "policy's own: use another share or larger batches.")

    /// The options as named texts.
    let toPairs (options: SqilOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : SqilOptions = Options.ofPairs rows pairs defaults

/// The expert's transitions in the updates of an off-policy learner.
[<Sealed>]
type internal ExpertTransitions
    (algorithm: string, columns: TransitionColumns, size: int, count: int, discount: float, observations, actions) =
    let known = LearnerData(algorithm, observations, actions)
    let drawn = TransitionBatch(columns, [], count, 1, discount)
    let first = size - count

    // All but rewards.
    let copied =
        [|
            columns.Observations
            columns.Actions
            columns.Continues
            columns.Ends
            columns.NextObservations
            DrawnColumns.discounts
            DrawnColumns.weights
        |]

    /// The array of states that notes which steps they are.
    let name = "demonstrations"
    let mutable shown: Replay option = None

    /// The expert's steps from now on.
    member _.Show(data: Replay) = shown <- Some data

    /// What gives an off-policy learner's updates `count` of the expert's transitions, paid 1, in place of the last of
    /// those that it drew from its own memory, which are paid 0.
    member _.Companion: OffPolicyCompanion =
        let mutable data: Replay voption = ValueNone

        {
            Layout = Layout.empty
            Arrays = [ name, LearnerData.Initial ]
            Load =
                fun draft ->
                    let before = draft.Current name
                    let struct (replay, noted) = known.Check(shown, before, false)
                    data <- ValueSome replay

                    if not (obj.ReferenceEquals(noted, before)) then
                        noted.CopyTo(draft.Array name, 0)
            Study = fun _ _ _ key -> key
            Amend =
                fun samples key ->
                    let next = drawn.Draw(data.Value, key)

                    for column in copied do
                        let numbers = column.Numbers
                        Array.Copy(drawn.Samples[column], 0, samples[column], first * numbers, count * numbers)

                    let rewards = samples[columns.Rewards]
                    Array.Fill(rewards, 0.0f, 0, first)
                    Array.Fill(rewards, 1.0f, first, count)
                    next
            Store = ignore
            Metrics = fun () -> [||]
        }

/// A learner whose updates have transitions of an expert.
[<Sealed>]
type private LearnerWithExpertTransitions(inner: Learner, expert: ExpertTransitions) =
    inherit ShownLearner(inner)
    override _.Show data = expert.Show data

/// Soft Q imitation learning (Reddy, Dragan and Levine, "SQIL: imitation learning via reinforcement learning with
/// sparse rewards", 2020): the environment's rewards are not read.
[<RequireQualifiedAccess>]
module Sqil =

    let private parts (c: SqilOptions) (companion: OffPolicyCompanion option) : SacParts =
        {
            Algorithm = "sqil"
            Texts = SqilOptions.toPairs c
            Soft = c.Soft
            TargetRate = c.TargetRate
            Critics = c.Critics
            Choices = c.Choices
            Companion = companion
        }

    /// Binds options to environments, whose actions must be choices, numbers within finite bounds, or both in a Tuple
    /// or Dict, and have no masks, which recorded steps lack; `LearnerData.Give` gives it the expert's episodes.
    /// `workers` share the work; the results do not depend on their number.
    let create (options: SqilOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        SqilOptions.validate options

        if environment.HasActionMasks then
            Guard.fail
                (nameof environment)
                ($"{environment.Id} has action masks, and recorded steps do not say what was possible in them, so that "
                 + "sqil cannot tell what the expert's next states are worth. bc, dagger and gail imitate there.")

        let replayed = options.Soft.OffPolicy

        let expert =
            ExpertTransitions(
                "sqil",
                TransitionColumns.ofEnvironment environment,
                replayed.BatchSize,
                SqilOptions.demonstrations options,
                replayed.Discount,
                environment.ObservationSpace,
                environment.ActionSpace
            )

        let inner = Sac.bind (parts options (Some expert.Companion)) environment workers
        new LearnerWithExpertTransitions(inner, expert)

    let private parameters (c: SqilOptions) (observations: Space) (actions: Space) : int =
        Sac.parameters (parts c None) observations actions

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "sqil"
                Name = "Soft Q imitation learning"
                Summary =
                    ("Soft actor-critic that is paid 1 for an expert's recorded steps and 0 for its own, so that it "
                     + "comes back to where the expert goes (Reddy, Dragan and Levine 2020).")
                Source =
                    ("Reddy, Dragan, Levine, \"SQIL: imitation learning via reinforcement learning with sparse "
                     + "rewards\" (2020)")
                Family = AlgorithmFamily.Imitation
            }
            SqilOptions.defaults
            SqilOptions.rows
            OffPolicyOptions.small
            SqilOptions.validate
            create
        |> AlgorithmEntry.withActions HybridPolicy.suits
        |> AlgorithmEntry.withDemonstrations
        |> AlgorithmEntry.withParameters SqilOptions.ofPairs parameters
