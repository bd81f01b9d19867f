/// Behaviour-regularised actor-critic, revisited: TD3 whose actor and target both pay for leaving the data's actions.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of ReBRAC (Tarasov et al. 2023).
type ReBracOptions =
    {
        Td3: Td3Options
        Recorded: RecordedOptions
        /// β₁: what the actor pays for the squared distance from the data's action, beside values scaled to a mean size
        /// of 1.
        ActorPenalty: float
        /// β₂: what the value of s′ pays for that of the target policy's action from the data's next action.
        CriticPenalty: float
        /// Normalise the outputs of the critics' hidden layers before their activation (Ba, Kiros and Hinton 2016).
        LayerNormalisation: bool
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module ReBracOptions =

    /// The paper's normalised critics and a penalty of its targets (0.001 to 0.1 by task). With its actor's penalties,
    /// of the same range, policies leave narrow data of small tasks; 0.2 is half of what `Td3Bc` pays.
    let defaults: ReBracOptions =
        {
            Td3 = DeterministicOptions.defaults
            Recorded = RecordedOptions.defaults
            ActorPenalty = 0.2
            CriticPenalty = 0.01
            LayerNormalisation = true
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<ReBracOptions> list =
        let d = defaults

        [
            Options.number (nameof d.ActorPenalty) Range.notNegative _.ActorPenalty (fun v c ->
                { c with ActorPenalty = v })
            Options.number (nameof d.CriticPenalty) Range.notNegative _.CriticPenalty (fun v c ->
                { c with CriticPenalty = v })
            Options.flag (nameof d.LayerNormalisation) _.LayerNormalisation (fun v c ->
                { c with LayerNormalisation = v })
        ]
        |> DeterministicOptions.rows _.Td3 (fun v c -> { c with Td3 = v }) _.Recorded (fun v c ->
            { c with Recorded = v })

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: ReBracOptions) = NetworkOptions.validate rows defaults options

    /// The options as named texts.
    let toPairs (options: ReBracOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : ReBracOptions = Options.ofPairs rows pairs defaults

/// ReBRAC (Tarasov et al., "Revisiting the minimalist approach to offline reinforcement learning", 2023).
[<RequireQualifiedAccess>]
module ReBrac =

    /// The action after s′ in the data, and β₂ where there is one: none after an episode's last step, nor after the
    /// newest of the agent's own.
    let private nextActions (n: int) = Column.step "nextActions" n
    let private penalties = Column.number "penalties"

    let private extras (c: ReBracOptions) (columns: TransitionColumns) : OfflineExtras =
        let size = c.Td3.OffPolicy.BatchSize
        let width = columns.Actions.Numbers
        let actions, penalty = Array.zeroCreate<float32>(size * width), Array.zeroCreate<float32> size
        let next = Array.zeroCreate<int> size

        {
            Further = [ nextActions width, actions; penalties, penalty ]
            Rows = ValueNone
            Begin = ignore
            Fill =
                fun replay batch _ ->
                    let rows = batch.LastRows

                    for index in 0 .. size - 1 do
                        let goesOn = replay.GoesOn(columns.Ends, rows[index])
                        next[index] <- if goesOn then rows[index] + replay.Copies else rows[index]
                        penalty[index] <- if goesOn then float32 c.CriticPenalty else 0.0f

                    replay.Read(columns.Actions, ReadOnlySpan next, Span actions)
        }

    let private variation (c: ReBracOptions) (columns: TransitionColumns) : Td3Variation =
        {
            Bind = fun _ _ -> OfflineLearning.learnerOf c.Recorded (extras c columns)
            Targets = None
            Critics = fun critic -> { critic with Layers.LayerNormalisation = c.LayerNormalisation }
            TargetValue = ActionCritic.least
            NextValue =
                fun batch action value ->
                    let recorded = batch[nextActions columns.Actions.Numbers]
                    value - batch[penalties] * Offline.squaredDistance action recorded
            Followed = Some ActionCritic.least
            ActorIsWhole = true
            ActorLoss =
                fun batch action value ->
                    let scale = Offline.valueScale 1.0 1e-6 value
                    Offline.regularisedActorLoss c.ActorPenalty scale value action batch[columns.Actions]
        }

    let private of' (c: ReBracOptions) (observations: Space) (actions: Space) =
        variation c (RecordedReplay.columns observations actions)

    /// Binds options to environments, or to recorded data alone, whose actions must be numbers within finite bounds.
    /// `workers` share the work; the results do not depend on their number.
    let create (options: ReBracOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        ReBracOptions.validate options
        let variation = of' options environment.ObservationSpace environment.ActionSpace
        Td3.bindWith variation "rebrac" (ReBracOptions.toPairs options) options.Td3 environment workers

    let private parameters (c: ReBracOptions) (observations: Space) (actions: Space) : int =
        Td3.parametersWith (of' c observations actions) "rebrac" c.Td3 observations actions

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "rebrac"
                Name = "Behaviour-regularised actor-critic, revisited"
                Summary =
                    ("From recorded steps: TD3 whose actor and whose targets pay for leaving the data's actions, "
                     + "with normalised critics (Tarasov et al. 2023).")
                Source =
                    "Tarasov et al., \"Revisiting the minimalist approach to offline reinforcement learning\" (2023)"
                Family = AlgorithmFamily.Offline
            }
            ReBracOptions.defaults
            ReBracOptions.rows
            RecordedOptions.small
            ReBracOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withParameters ReBracOptions.ofPairs parameters
        |> AlgorithmEntry.withData
