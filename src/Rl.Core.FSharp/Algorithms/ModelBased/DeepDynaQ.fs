/// Deep Dyna-Q: deep Q-learning that learns from steps within a learnt model between its steps in the world.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// What is done in an imagined step.
[<RequireQualifiedAccess>]
type ImaginedActions =
    /// What the agent would do there now, random actions included.
    | Policy
    /// Each choice with the same probability.
    | Uniform

/// Options of deep Dyna-Q (Sutton 1990; Peng et al. 2018).
type DeepDynaQOptions =
    {
        /// Its returns are of one step and its transitions drawn alike, whatever stands here.
        Dqn: DqnOptions
        Model: ModelOptions
        /// k: updates from imagined transitions after each update from remembered ones; 0 for deep Q-learning alone.
        PlanningSteps: int
        /// What is done in imagined steps: what the agent would do now, random actions included, or each choice with
        /// the same probability.
        ImaginedActions: ImaginedActions
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module DeepDynaQOptions =

    /// Those of small tasks: after 200 random steps an update from remembered transitions and four from imagined ones
    /// for each step.
    let defaults: DeepDynaQOptions =
        {
            Dqn =
                { DqnOptions.defaults with
                    Values.Plan.TotalSteps = 10_000L
                    Values.OffPolicy.LearningStarts = 200
                    Values.OffPolicy.RoundSteps = 250
                }
            Model = ModelOptions.defaults
            PlanningSteps = 4
            ImaginedActions = ImaginedActions.Policy
        }

    let private actions = [ "policy", ImaginedActions.Policy; "uniform", ImaginedActions.Uniform ]

    /// A row an option, in the order of files: DQN's without returns of several steps, priorities and hindsight, since
    /// imagined transitions are of one step and begin at states drawn alike.
    let rows: OptionRow<DeepDynaQOptions> list =
        let d = defaults
        let o = Unchecked.defaultof<OffPolicyOptions>

        [
            yield!
                DqnOptions.rows
                |> Options.without
                    [
                        nameof o.ReturnSteps
                        nameof o.ReturnLambda
                        nameof o.PriorityExponent
                        nameof o.ImportanceExponent
                        nameof o.HindsightGoals
                        nameof o.HindsightChoice
                    ]
                |> Options.meaning
                    (nameof o.GradientSteps)
                    ("Updates from remembered transitions after these steps, each followed by the imagined ones; −k: k "
                     + "for each step that was taken, over all copies.")
                |> Options.group _.Dqn (fun v (c: DeepDynaQOptions) -> { c with Dqn = v })
            yield! Options.group _.Model (fun v (c: DeepDynaQOptions) -> { c with Model = v }) ModelOptions.rows
            Options.whole (nameof d.PlanningSteps) (Range.within 0.0 1000.0) _.PlanningSteps (fun v c ->
                { c with PlanningSteps = v })
            Options.choice actions (nameof d.ImaginedActions) _.ImaginedActions (fun v c ->
                { c with ImaginedActions = v })
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: DeepDynaQOptions) : unit =
        NetworkOptions.validate rows defaults options
        DqnOptions.validate options.Dqn
        ModelOptions.validate options.Model

    /// The options as named texts.
    let toPairs (options: DeepDynaQOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : DeepDynaQOptions = Options.ofPairs rows pairs defaults

/// Deep Dyna-Q (Sutton, "Integrated architectures for learning, planning, and reacting based on approximating dynamic
/// programming", 1990; with deep networks: Peng et al., "Deep Dyna-Q: integrating planning for task-completion dialogue
/// policy learning", 2018).
[<RequireQualifiedAccess>]
module DeepDynaQ =

    /// The model beside DQN: every `ModelInterval` steps it is fitted to all real steps, and of 1 + k updates the last
    /// k see what it imagines from the states that were drawn.
    let private companion
        (c: DeepDynaQOptions)
        counts
        (parts: OffPolicyParts)
        (environment: BatchEnvironment)
        (workers: Workers)
        : OffPolicyCompanion =
        let model, columns = c.Model, TransitionColumns.ofEnvironment environment
        let known = KnownTasks.ofEnvironment model.ImaginedRewards environment
        let observations = columns.Observations.Numbers

        let network =
            ModelOptions.network model observations (List.sum counts) known.Reward.IsNone known.Terminated.IsNone

        let batch = c.Dqn.Values.OffPolicy.BatchSize
        let discount = float32 c.Dqn.Values.OffPolicy.Discount

        let imagined =
            ImaginedChoices(
                network,
                parts.Actor,
                counts,
                observations,
                environment.ActionSpace,
                known,
                model.Elites,
                batch,
                workers
            )

        let acting = ActingProgram(parts.Actor, Actor.layout parts.Actor, batch, observations)
        let action = Array.zeroCreate<float32> counts.Length
        let mutable statistics = RunningStatistics.create 0
        let mutable steps = 0L
        // Where the next update stands among 1 + k.
        let mutable turn = 0
        let mutable count = 0L

        let studied =
            let follow frame elites parameters = imagined.Load(frame, elites, parameters)
            StudiedModel(network, model, observations, parts.Layout.Count, workers, follow)

        let study replay seen (struct (_, now) as passed) key =
            statistics <- seen
            steps <- now
            turn <- 0

            if c.PlanningSteps = 0 then
                key
            else
                let data () = ModelData.ofReplay columns replay |> ModelChoices.ofData counts
                studied.Study(data, passed, key)

        let choose row key =
            match c.ImaginedActions with
            | ImaginedActions.Uniform ->
                UniformActions.draw parts.ActionScaling environment.ActionSpace ReadOnlySpan.Empty (Span action) key
            | ImaginedActions.Policy ->
                parts.Explore.Invoke(
                    steps,
                    0,
                    acting.PolicyOf row,
                    acting.DeviationOf row,
                    ReadOnlySpan.Empty,
                    Span action,
                    key
                )

        let amend (samples: Samples) key =
            let isReal = turn = 0
            turn <- (turn + 1) % (1 + c.PlanningSteps)

            if isReal then
                key
            else
                count <- count + int64 batch
                let seen = samples[columns.Observations]

                if c.ImaginedActions.IsPolicy then
                    parts.Policy().Span.Slice(0, acting.Theta.Length).CopyTo acting.Theta

                    if parts.NormaliseObservations then
                        Encoding.normalise statistics Encoding.Limit (ReadOnlySpan seen) acting.Observations
                    else
                        seen.CopyTo acting.Observations

                    acting.Run()

                imagined.Run(
                    {
                        Observations = seen
                        Actions = samples[columns.Actions]
                        Rewards = samples[columns.Rewards]
                        Continues = samples[columns.Continues]
                        Discounts = samples[DrawnColumns.discounts]
                        NextObservations = samples[columns.NextObservations]
                    },
                    discount,
                    choose,
                    action,
                    key
                )

        {
            Layout = studied.Layout
            Arrays = studied.Arrays
            Load =
                fun draft ->
                    studied.Load draft
                    count <- 0L
            Study = study
            Amend = amend
            Store = studied.Store
            Metrics = fun () -> [| yield! studied.Metrics; struct ("imagined", float count) |]
        }

    /// Rounds with the model beside them, and k more updates for each.
    let private bindWith (c: DeepDynaQOptions) counts : OffPolicyBinding =
        fun extras options parts environment workers ->
            let model = companion c counts parts environment workers
            let updates = options.GradientSteps * (1 + c.PlanningSteps)

            Replayed.learnerOf
                { extras with Companion = Some model }
                { options with GradientSteps = updates }
                parts
                environment
                workers

    /// Binds options to environments, whose actions must be choices and whose observations numbers. `workers` share the
    /// work; the results do not depend on their number.
    let create (options: DeepDynaQOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        DeepDynaQOptions.validate options

        match ValueNetwork.components environment.ActionSpace with
        | Some counts ->
            if environment.HasActionMasks then
                Guard.fail
                    "environment"
                    ("The environment has action masks; deep-dyna-q's model does not know what is possible in states "
                     + "that it imagines: use dqn, or an environment without masks.")

            ModelArrays.requireNumbers environment.Id environment.ObservationSpace
            let objective = Dqn.objectiveOf "deep-dyna-q" (DeepDynaQOptions.toPairs options) options.Dqn
            Dqn.bindTo (bindWith options counts) objective options.Dqn environment workers
        | None ->
            Guard.fail
                "environment"
                ($"deep-dyna-q compares the values of a few choices, so it needs a Discrete, MultiDiscrete or "
                 + $"MultiBinary action space; the actions are {environment.ActionSpace}. mbpo learns from a model "
                 + "where they are numbers.")

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "deep-dyna-q"
                Name = "Deep Dyna-Q"
                Summary =
                    ("Deep Q-learning that between its steps also learns from steps imagined by an ensemble of learnt "
                     + "models (Sutton 1990; Peng et al. 2018).")
                Source =
                    ("Peng et al., \"Deep Dyna-Q: integrating planning for task-completion dialogue policy learning\" "
                     + "(2018)")
                Family = AlgorithmFamily.OffPolicy
            }
            DeepDynaQOptions.defaults
            DeepDynaQOptions.rows
            (ValueOptions.small @ [ "PlanningSteps", "2" ] @ ModelOptions.small)
            DeepDynaQOptions.validate
            create
        |> AlgorithmEntry.withActions (ValueNetwork.components >> Option.isSome)
