/// The decision transformer: actions that follow from what is still to be earned.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// Cloning of actions by the last K steps and the return that followed, without values (Chen et al. 2021, "Decision
/// transformer: reinforcement learning via sequence modeling"). Who acts asks for a return, from which rewards are
/// taken off as they come.
[<RequireQualifiedAccess>]
module DecisionTransformer =

    /// Whether actions are numbers between finite bounds, which are regressed on; others are cloned by likelihood.
    let private isRegression (actions: Space) = ActorCritics.suits actions

    let private transformerOf
        (c: DecisionTransformerOptions)
        (observations: Space)
        (actions: Space)
        : EpisodeTransformer =
        PrivilegedPart.refuse "decision-transformer" observations

        {
            Observations = Encoding.size observations
            Actions = Encoding.size actions
            Context = c.Context
            Width = c.Width
            Heads = c.Heads
            Blocks = c.Blocks
            LongestEpisode = c.LongestEpisode
            Activation = c.Activation
            Positions = c.Positions
            Embedding = c.Embedding
            Epsilon = LayerNormalisation.defaultEpsilon
        }

    let private actorOf (c: DecisionTransformerOptions) (observations: Space) (actions: Space) : Actor =
        let distribution =
            if isRegression actions then
                DeterministicPolicy.create actions.Size
            else
                Policy.headFor 0.0 actions

        let layers = Mlp.create 1.0 c.Width [] distribution.Outputs

        {
            Features = Features.none
            Quantiles = None
            Fractions = None
            Transformer = Some(transformerOf c observations actions)
            Candidates = None
            Layers =
                { layers with
                    OutputWeight = Initialiser.Normal(0.0, 0.02)
                    OutputActivation = if isRegression actions then Activation.Tanh else Activation.Identity
                }
            Distribution = distribution
            Actions = ActionMap.identity
        }
        |> Policy.scaledActor ActionScaling.Bounds actions

    /// What learns: all of θ but the target and the scale of returns, which the data says.
    let private learnedPart (actor: Actor) : Part =
        let blocks =
            (Actor.layout actor).Blocks
            |> Seq.filter (fun block -> not (block.Name.StartsWith("returns/", StringComparison.Ordinal)))

        { First = 0; Layout = Layout(Seq.toArray blocks) }

    /// Uniform numbers for each dropout, a row a window.
    let private dropoutColumns (c: DecisionTransformerOptions) (net: EpisodeTransformer) : Column list =
        if c.Dropout = 0.0 then
            []
        else
            EpisodeTransformer.dropoutSizes net
            |> List.mapi (fun index size -> Column.unit $"dropout {index}" size)

    /// The errors of an actor on the features [rows, K, E] of its transformer, empty places included [rows, K]: Σ (π −
    /// a)² of numbers between bounds, −ln π(a) of others. `actions` are [rows, K, n].
    let errors (actor: Actor) (isRegression: bool) (parameters: Parameters) (features: Expr) (actions: Expr) : Expr =
        let rows, context = features.Shape[0], features.Shape[1]
        let features = Expr.reshape [| rows * context; features.Shape[2] |] features
        let output = Actor.onFeatures actor parameters features (Expr.number 0.0)
        let recorded = Expr.reshape [| rows * context; actions.Shape[2] |] actions

        let errors =
            if isRegression then
                Offline.squaredDistance output.Policy recorded
            else
                let struct (logProbability, _) = Policy.evaluate actor.Distribution output recorded
                Regression.behaviourCloning logProbability

        Expr.reshape [| rows; context |] errors

    let private loss
        (c: DecisionTransformerOptions)
        (actor: Actor)
        (isRegression: bool)
        (columns: WindowColumns)
        (dropouts: Column list)
        (batch: Batch)
        =
        // [K, rows, …] to [rows, K, …].
        let windows (column: Column) =
            let x = batch.Sequences column
            Expr.permute (Array.append [| 1; 0 |] [| 2 .. x.Rank - 1 |]) x

        let drop place (x: Expr) =
            match List.tryItem place dropouts with
            | Some column -> Dropout.apply c.Dropout (Expr.reshape x.Shape batch[column]) x
            | None -> x

        let steps: EpisodeSteps =
            {
                Returns = windows columns.Returns
                Observations = windows columns.Observations
                Actions = windows columns.EncodedActions
                Steps = windows columns.Steps
                Present = windows columns.Present
            }

        let parameters = batch.Parameters "policy"

        let features =
            EpisodeTransformer.apply actor.Transformer.Value drop (Parameters.at "transformer" parameters) steps

        let errors = steps.Present * errors actor isRegression parameters features (windows columns.Actions)
        [ Expr.reshape [| errors.Count |] (Expr.transpose errors) |> Term.mean "actorLoss" 1.0 ]

    /// The state that has taken over what the data says, where it has seen none yet: statistics of observations, and
    /// the target and scale of returns where these are not frozen.
    let private observe
        (c: DecisionTransformerOptions)
        (layout: Layout)
        (windows: ReturnWindows)
        (columns: TransitionColumns)
        (replay: Replay)
        (isFirst: bool)
        (state: TrainingState)
        : TrainingState =
        if not isFirst then
            state
        else
            let returns = windows.ReturnsToGo replay
            let parameters = Array.copy state.Parameters

            let write name (value: float32) =
                if state.Frozen |> List.forall (fun frozen -> frozen.Name <> name) then
                    parameters[layout[name].Offset] <- value

            write "returns/target" (RecordedReturns.target c.TargetQuantile returns replay)
            write "returns/scale" (RecordedReturns.scale returns)

            { state with
                Parameters = parameters
                Observations =
                    if state.Observations.Size > 0 then
                        RecordedReplay.observationStatistics columns replay
                    else
                        state.Observations
            }

    /// Binds options to environments, or to recorded data alone. `workers` share the work; the results do not depend on
    /// their number.
    let create (options: DecisionTransformerOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        DecisionTransformerOptions.validate options
        let c = options
        let observations, actions = environment.ObservationSpace, environment.ActionSpace
        let actor = actorOf c observations actions
        let layout = Actor.layout actor
        let recorded = RecordedReplay.columns observations actions
        let windows = ReturnWindows(observations, actions, c.Replayed.BatchSize, c.Context)
        let dropouts = dropoutColumns c actor.Transformer.Value
        let noise = DrawnNoise.Uniform(dropouts, c.Replayed.BatchSize)
        let samples = noise.With windows.Samples
        let rate = Rate.create (nameof c.Rate.LearningRate) c.Rate.LearningRate
        let adam = Optimiser.adamW (Rate.stepSize rate) 0.9 0.999 1e-8 c.WeightDecay false

        let update =
            Update.create
                {
                    Name = "cloning step"
                    Groups =
                        [ ParameterGroup.ofPart "policy" (learnedPart actor) (GroupMotion.Learns("optimiser", adam)) ]
                    Shape = { SampleShape.steps c.Replayed.BatchSize with Sequence = c.Context }
                    MaxGradientNorm = c.MaxGradientNorm
                    Loss = loss c actor (isRegression actions) windows.Columns dropouts
                }

        let data = LearnerData("decision-transformer", observations, actions)

        let learn (given: TrainingState) () =
            let isFirst = LearnerData.RowsOf given = 0
            let struct (replay, adopted) = data.Adopt(given, false)
            let state = observe c layout windows recorded replay isFirst adopted
            let draft = Draft state
            update.Load draft
            let means = Means(update, [ "actorLoss" ])
            let scale = state.Parameters[layout["returns/scale"].Offset]
            let left = c.Plan.TotalSteps - state.Steps

            let count =
                if left > 0L then
                    int (min left (int64 c.Replayed.RoundSteps))
                else
                    c.Replayed.RoundSteps

            let mutable key = state.Key

            for index in 0 .. count - 1 do
                key <- windows.Draw(replay, state.Observations, scale, key)
                key <- noise.Draw key
                Rate.set c.Plan (state.Steps + int64 index) [ rate ] [ update ]
                update.ChooseAll samples
                update.Run workers
                means.Add()

            update.Store draft
            let steps, updates = state.Steps + int64 count, state.Updates + 1L
            let next = { draft.Onto state with Steps = steps; Updates = updates; Key = key }

            let metrics =
                [|
                    yield! means.All
                    yield! Rate.metrics c.Plan steps [ rate ]
                    yield struct ("gradientSteps", float count)
                |]

            struct (next, { Steps = steps; Updates = updates; Episodes = [||]; Metrics = metrics })

        Learner.ofFunctions
            {
                Algorithm = "decision-transformer"
                Environment = environment
                Network = actor
                Options = DecisionTransformerOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = update.Arrays @ [ LearnerData.Name, LearnerData.Initial ]
                Start = Learners.start layout environment c.NormaliseObservations false
                Collect = ignore
                Learn = learn
            }

    let private parameters (c: DecisionTransformerOptions) (observations: Space) (actions: Space) : int =
        (Actor.layout (actorOf c observations actions)).Count

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "decision-transformer"
                Name = "Decision transformer"
                Summary =
                    ("From recorded steps: cloning by a transformer that sees the last steps and what is still to be "
                     + "earned; acting asks for a return (Chen et al. 2021).")
                Source = "Chen et al., \"Decision transformer: reinforcement learning via sequence modeling\" (2021)"
                Family = AlgorithmFamily.Offline
            }
            DecisionTransformerOptions.defaults
            DecisionTransformerOptions.rows
            DecisionTransformerOptions.small
            DecisionTransformerOptions.validate
            create
        |> AlgorithmEntry.withParameters DecisionTransformerOptions.ofPairs parameters
        |> AlgorithmEntry.withData
