/// What a practitioner would say who watches a run: reports of transitions in, warnings out, each said once.
namespace Rl.Core.Training

open System
open System.Globalization
open Rl.Core.Environments
open Rl.Core.Learning

/// What a warning is about.
type WarningKind =
    /// The policy moves far in one update.
    | LargeDivergence = 0
    /// Most samples of the updates are clipped.
    | MostlyClipped = 1
    /// Values predict returns worse than a constant.
    | UselessValues = 2
    /// The policy became nearly deterministic before it improved.
    | EntropyCollapse = 3
    /// Rewards are so large that losses and gradients are.
    | LargeRewards = 4
    /// Every episode so far had the same return.
    | ConstantReturns = 5
    /// No episode ends.
    | EndlessEpisodes = 6
    /// Observations are so large that networks do not start from numbers of order 1.
    | LargeObservations = 7
    /// The policy acts in units that hardly meet the bounds of the actions.
    | UnscaledActions = 8
    /// The file that training goes on from was saved without its replay.
    | MissingReplay = 9
    /// Episodes ended because the numbers of a simulation's state lost their sense.
    | BlownUpStates = 10

/// Something to look at, with a remedy.
type TrainingWarning =
    {
        Kind: WarningKind
        /// The transition after which it was noticed.
        Update: int64
        Message: string
    }

/// What a policy's entropy is compared with.
type internal EntropyScale =
    /// Choices only: the entropy at the start.
    | Choices
    /// Numbers only: a density, an element.
    | Density of elements: int
    /// Both: not at all.
    | Mixed

/// What is remembered of the reports of a run.
type TrainingWatch =
    internal
        {
            Scale: EntropyScale
            NormalisesRewards: bool
            Raised: WarningKind Set
            // Reports in a row for which a state has lasted, by kind.
            Lasting: Map<WarningKind, int>
            // The environment steps at which values began to be useless.
            UselessSince: int64
            FirstEntropy: float
            Episodes: int64
            FirstReturn: float
            HasVaried: bool
            // Mean returns of the first and of the last few updates in which episodes ended, the latest first.
            Early: float list
            Recent: float list
            // The environment steps before the last report.
            Steps: int64
        }

/// Turns reports into warnings. The thresholds lie far outside what healthy training does.
[<RequireQualifiedAccess>]
module Warnings =

    /// A mean KL divergence of one transition above this is several times what any trust region allows.
    [<Literal>]
    let LargestDivergence = 0.2

    /// Above this share of clipped samples, for `PatientUpdates`.
    [<Literal>]
    let LargestClipFraction = 0.5

    /// Updates that a state must last which healthy training passes through.
    [<Literal>]
    let PatientUpdates = 5

    /// Updates in a row with a negative explained variance, over at least `UselessSteps` environment steps.
    [<Literal>]
    let UselessUpdates = 20

    /// Environment steps that values have for becoming useful.
    [<Literal>]
    let UselessSteps = 10_000L

    /// A policy of choices has collapsed below this share of the first report's entropy.
    [<Literal>]
    let CollapsedShare = 0.02

    /// A policy of numbers has collapsed below this entropy (nats) an element: a standard deviation of 0.01.
    [<Literal>]
    let CollapsedDensity = -3.19

    /// Rewards are large from this absolute mean a step on.
    [<Literal>]
    let LargestReward = Scales.Largest

    /// Episodes and updates with one and the same return.
    [<Literal>]
    let ConstantEpisodes = 500L

    /// Environment steps without an end of an episode.
    [<Literal>]
    let EndlessSteps = 1_000_000L

    let rec private scale (space: Space) =
        match space with
        | Space.Box _ -> Density space.Size
        | Space.Discrete _
        | Space.MultiDiscrete _
        | Space.MultiBinary _ -> Choices
        | Space.Tuple _
        | Space.Dict _ ->
            let scales = space.Parts |> List.map (fun (_, part) -> scale part)

            if scales |> List.forall (fun scale -> scale = Choices) then
                Choices
            elif scales |> List.exists (fun scale -> scale = Choices || scale = Mixed) then
                Mixed
            else
                Density space.Size

    /// Before the first report. `normalisesRewards` if the learner divides rewards by their spread.
    let start (actionSpace: Space) (normalisesRewards: bool) : TrainingWatch =
        {
            Scale = scale actionSpace
            NormalisesRewards = normalisesRewards
            Raised = Set.empty
            Lasting = Map.empty
            UselessSince = 0L
            FirstEntropy = nan
            Episodes = 0L
            FirstReturn = nan
            HasVaried = false
            Early = []
            Recent = []
            Steps = 0L
        }

    let private metric (name: string) (report: Report) =
        report.Metrics
        |> Array.tryPick (fun (struct (known, value)) -> if known = name then Some value else None)
        |> Option.defaultValue nan

    let private text (value: float) = value.ToString("0.##", CultureInfo.InvariantCulture)

    /// The watch with a report's episodes and entropy taken in, and with how long each state has lasted.
    let private remember (report: Report) (watch: TrainingWatch) =
        let returns = report.Episodes |> Array.map (fun episode -> episode.Return)

        let first =
            if watch.Episodes = 0L && returns.Length > 0 then
                returns[0]
            else
                watch.FirstReturn

        let entropy = metric "entropy" report
        let firstEntropy = if Double.IsNaN watch.FirstEntropy then entropy else watch.FirstEntropy
        let useless = metric "explainedVariance" report < 0.0

        let collapsed =
            match watch.Scale with
            | Choices -> entropy < CollapsedShare * firstEntropy
            | Density elements -> entropy / float elements < CollapsedDensity
            | Mixed -> false

        let lasting kind holds = kind, (if holds then 1 + Option.defaultValue 0 (Map.tryFind kind watch.Lasting) else 0)

        let means = if returns.Length > 0 then [ Array.average returns ] else []

        { watch with
            FirstEntropy = firstEntropy
            Episodes = watch.Episodes + returns.LongLength
            FirstReturn = first
            HasVaried = watch.HasVaried || returns |> Array.exists (fun value -> value <> first)
            Early = if watch.Early.Length < PatientUpdates then means @ watch.Early else watch.Early
            Recent = List.truncate PatientUpdates (means @ watch.Recent)
            UselessSince =
                if useless && Map.tryFind WarningKind.UselessValues watch.Lasting |> Option.defaultValue 0 > 0 then
                    watch.UselessSince
                else
                    watch.Steps
            Steps = report.Steps
            Lasting =
                Map.ofList
                    [
                        lasting WarningKind.UselessValues useless
                        lasting WarningKind.MostlyClipped (metric "clipFraction" report > LargestClipFraction)
                        lasting WarningKind.EntropyCollapse collapsed
                    ]
        }

    let private divergence (report: Report) =
        let approximate = metric "approximateKl" report
        if Double.IsNaN approximate then metric "kl" report else approximate

    /// Everything that can be said of a watch that has just remembered the report.
    let private all (report: Report) (watch: TrainingWatch) : (WarningKind * string) list =
        let lasting kind = watch.Lasting[kind]
        let entropy = metric "entropy" report

        let size =
            if report.Episodes.Length = 0 then
                0.0
            else
                (report.Episodes |> Array.sumBy (fun episode -> Math.Abs episode.Return))
                / float (report.Episodes |> Array.sumBy (fun episode -> episode.Length))

        let hasImproved = not watch.Recent.IsEmpty && List.average watch.Recent > List.average watch.Early

        // Where all episodes return the same there is nothing to explain.
        let hasSettled = not watch.Recent.IsEmpty && watch.Recent |> List.forall (fun mean -> mean = watch.Recent.Head)

        [
            let kl = divergence report

            if kl > LargestDivergence then
                let epochs = metric "epochs" report

                let where =
                    if epochs = 1.0 then "in epoch 1"
                    elif epochs > 1.0 then $"over {text epochs} epochs"
                    else "in one update"

                WarningKind.LargeDivergence, $"KL {text kl} {where}: learning rate too high?"

            if lasting WarningKind.MostlyClipped >= PatientUpdates then
                let share = metric "clipFraction" report

                WarningKind.MostlyClipped,
                ($"clip fraction {text share}, above {text LargestClipFraction} for {PatientUpdates} updates: "
                 + "learning rate too high, or too many epochs?")

            if
                lasting WarningKind.UselessValues >= UselessUpdates
                && watch.Steps - watch.UselessSince >= UselessSteps
                && not hasImproved
                && not hasSettled
            then
                let updates = lasting WarningKind.UselessValues

                WarningKind.UselessValues,
                ($"explained variance < 0 for {updates} updates: the values predict nothing; normalise rewards or "
                 + "raise the value function's learning rate?")

            if lasting WarningKind.EntropyCollapse >= PatientUpdates && not hasImproved then
                WarningKind.EntropyCollapse,
                ($"entropy collapsed to {text entropy} before the return rose: raise the entropy coefficient or "
                 + "lower the learning rate?")

            if size >= LargestReward && not watch.NormalisesRewards then
                WarningKind.LargeRewards, $"rewards of order {Scales.order size}: normalise them"

            if watch.Episodes >= ConstantEpisodes && not watch.HasVaried then
                WarningKind.ConstantReturns,
                ($"all {watch.Episodes} episodes so far returned {text watch.FirstReturn}: no action has made a "
                 + "difference; explore more, or shape the reward?")

            if watch.Episodes = 0L && watch.Steps >= EndlessSteps then
                WarningKind.EndlessEpisodes,
                $"no episode has ended in {watch.Steps} steps: give the environment a time limit?"
        ]

    /// Those of some things to say that have not been said, and the watch that remembers them.
    let internal raiseNew update (watch: TrainingWatch) (told: (WarningKind * string) list) =
        let raised =
            told
            |> List.filter (fun (kind, _) -> not (watch.Raised.Contains kind))
            |> List.map (fun (kind, message) -> { Kind = kind; Update = update; Message = message })

        struct ({ watch with
                    Raised = raised |> List.fold (fun known warning -> Set.add warning.Kind known) watch.Raised
                },
                raised)

    /// What is new to say after a report: each kind is raised once.
    let observe (report: Report) (watch: TrainingWatch) : struct (TrainingWatch * TrainingWarning list) =
        let watch = remember report watch
        raiseNew report.Updates watch (all report watch)

    /// What is new to say of the state that a report led to: that it lacks rows of a replay which were left out when it
    /// was saved.
    let observeState (state: TrainingState) (watch: TrainingWatch) : struct (TrainingWatch * TrainingWarning list) =
        match state.Replay with
        | Some replay when replay.Missing > 0 ->
            [
                WarningKind.MissingReplay,
                ($"the agent was saved without its replay, of which {replay.Missing} rows are still missing: "
                 + "training goes on with other samples than it would have had; save with the replay to go on "
                 + "exactly")
            ]
            |> raiseNew state.Updates watch
        | _ -> struct (watch, [])

    /// What is new to say of the environment that a report's steps were taken in: that episodes ended because numbers
    /// of a state lost their sense.
    let observeEnvironment
        (environment: BatchEnvironment)
        (report: Report)
        (watch: TrainingWatch)
        : struct (TrainingWatch * TrainingWarning list) =
        match environment.Blowups with
        | 0L -> struct (watch, [])
        | count ->
            let episodes = if count = 1L then "an episode of" else $"{count} episodes of"

            [
                WarningKind.BlownUpStates,
                ($"{episodes} {environment.Id} ended because the simulation blew up (a number of its state was NaN or "
                 + "beyond 1e10): smaller actions, a shorter time step, or a model with more damping?")
            ]
            |> raiseNew report.Updates watch

    /// The warnings of a whole history, in order.
    let ofReports (actionSpace: Space) (normalisesRewards: bool) (reports: seq<Report>) : TrainingWarning list =
        reports
        |> Seq.mapFold
            (fun watch report ->
                let struct (watch, raised) = observe report watch
                raised, watch)
            (start actionSpace normalisesRewards)
        |> fst
        |> List.concat
