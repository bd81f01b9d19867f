/// Acting by planning with a learnt model: what the loops of model-based learning are made of.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Planning

/// Options of agents that plan with a model of their own.
type ModelControlOptions =
    {
        Model: ModelOptions
        /// How sequences of actions are searched for.
        Planner: CrossEntropyOptions
        /// P: imagined trajectories of each sequence.
        Particles: int
        /// How they go on from step to step.
        Propagation: Propagation
    }

/// Options of such agents.
[<RequireQualifiedAccess>]
module ModelControlOptions =

    /// Those of PETS with a network and a search for small tasks: 5 members of which 3 imagine, TS∞ with 6 particles,
    /// and 4 fits of 100 sequences of 20 actions. The paper's are 7 members, 20 particles and 5 fits of 350 to 500.
    let defaults: ModelControlOptions =
        {
            Model = { ModelOptions.defaults with ModelInterval = 50 }
            Planner = { CrossEntropyOptions.defaults with Population = 100; Iterations = 4; ReturnsMean = true }
            Particles = 6
            Propagation = Propagation.TrajectorySamplingInfinite
        }

    /// One deterministic network, as slides 10 and 11 write it, and its expectation.
    let ofSlides: ModelControlOptions =
        { defaults with
            Model = { defaults.Model with Members = 1; Elites = 1; Model = ModelKind.Deterministic; Bootstrap = false }
            Particles = 1
            Propagation = Propagation.Expectation
        }

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: ModelControlOptions) : unit =
        Options.validate ModelOptions.rows options.Model
        ModelOptions.validate options.Model
        Options.validate CrossEntropyOptions.rows options.Planner
        Guard.positive (nameof options.Particles) options.Particles

/// All that such an agent is, as a value: what follows depends on nothing else.
type ModelControlState =
    {
        /// θ, the parameters of the model, with what its optimiser keeps, the key, and the environment.
        Training: TrainingState
        /// D: every step so far, if there is one.
        Data: ModelData option
        /// The units of the model.
        Frame: ModelFrame
        /// The members that imagine; none before the first fit.
        Elites: int[]
        /// What the planner carries from decision to decision of the present episode.
        Planner: PlannerState option
    }

/// The parts of model-based learning on one copy of an environment: collect, fit, plan. Each is a function from a state
/// to a state; the object is only room to work in. Not thread-safe.
[<Sealed>]
type ModelControl(options: ModelControlOptions, environment: BatchEnvironment, workers: Workers) =
    do
        ModelControlOptions.validate options

        if environment.Count <> 1 then
            Guard.fail
                (nameof environment)
                $"environment has {environment.Count} copies; an agent that plans acts in one: use 1."

        if not (Encoding.isIdentity environment.ObservationSpace) then
            Guard.fail
                (nameof environment)
                ($"{environment.Id} has observations {environment.ObservationSpace}; a model learns from a Box of "
                 + "numbers: flatten them, or use an algorithm without a model.")

    let model = options.Model
    let observations, actions = environment.ObservationSize, environment.ActionSize
    let known = KnownTasks.ofEnvironment model.ImaginedRewards environment
    let network = ModelOptions.network model observations actions known.Reward.IsNone known.Terminated.IsNone
    let numbers = network.Numbers
    let layout = ModelNetwork.layout network
    let own = (ModelNetwork.layoutOfMember network).Count
    let fit = ModelFit(network, model, 0, workers)
    let planner = CrossEntropy(options.Planner, PlanningSpace environment.ActionSpace)

    let returns =
        ModelReturns(
            network,
            {
                Particles = options.Particles
                Propagation = options.Propagation
                Observations = observations
                Known = known
            },
            model.Elites,
            workers
        )

    let buffers = environment.AllocateBuffers()
    let observation, action = Array.zeroCreate<float32> observations, Array.zeroCreate<float32> actions

    let parametersOf (theta: float32[]) index : ReadOnlyMemory<float32> = ReadOnlyMemory(theta, index * own, own)

    /// Steps with actions that `act` writes for an observation; `act` is told whether an episode begins. The state with
    /// what was seen, the returns of episodes that ended, and whether the last step ended one.
    let steps (count: int) (act: bool -> Rng -> Rng) (state: ModelControlState) =
        environment.Restore state.Training.Environments
        let mutable key = state.Training.Key
        let mutable isFirst = false
        let seen, given = Array.zeroCreate<float32>(count * observations), Array.zeroCreate<float32>(count * actions)
        let rewards, continues = Array.zeroCreate<float32> count, Array.create count 1.0f
        let next = Array.zeroCreate<float32>(count * observations)
        let ended = ResizeArray<float>()
        environment.Observe(Span observation)

        for index in 0 .. count - 1 do
            key <- act isFirst key
            Array.Copy(observation, 0, seen, index * observations, observations)
            Array.Copy(action, 0, given, index * actions, actions)
            environment.Step(0, 1, ReadOnlySpan action, buffers)
            rewards[index] <- buffers.Rewards.Span[0]
            isFirst <- buffers.Terminated.Span[0] || buffers.Truncated.Span[0]
            if buffers.Terminated.Span[0] then continues[index] <- 0.0f
            let after = if isFirst then buffers.FinalObservations else buffers.Observations
            after.Span.CopyTo(Span(next, index * observations, observations))
            if isFirst then ended.Add(buffers.EpisodeReturns.Span[0])
            buffers.Observations.Span.CopyTo(Span observation)

        let data =
            {
                Observations = seen
                Actions = given
                Rewards = rewards
                Continues = continues
                NextObservations = next
            }

        struct ({ state with
                    Training =
                        { state.Training with
                            Steps = state.Training.Steps + int64 count
                            Key = key
                            Environments = environment.Capture()
                        }
                    Data =
                        match state.Data with
                        | Some before -> Some(ModelData.append before data)
                        | None -> Some data
                },
                List.ofSeq ended,
                isFirst)

    /// The network of the model.
    member _.Network = network

    /// The state before the first step; all streams follow from the key.
    member _.Initialise(key: Rng) : ModelControlState =
        let struct (parameterKey, rest) = Rng.split key
        let struct (theta, _) = Layout.initialise parameterKey layout

        {
            Training = TrainingState.create environment (Array.map float32 theta) fit.Arrays rest
            Data = None
            Frame = ModelFrame.identity network.Layers.Inputs numbers
            Elites = [||]
            Planner = None
        }

    /// Collects steps with π₀, actions drawn uniformly from their space: struct (the state that follows, the returns of
    /// episodes that ended).
    member _.Explore(count: int, state: ModelControlState) : struct (ModelControlState * float list) =
        Guard.positive (nameof count) count
        let draw _ key = environment.ActionSpace.Sample(key, Span action)
        let struct (next, ended, _) = steps count draw state
        struct ({ next with Planner = None }, ended)

    /// Fits the model to all data so far: struct (the state that follows, how it went).
    member _.Fit(state: ModelControlState) : struct (ModelControlState * ModelFitReport) =
        match state.Data with
        | None -> Guard.fail (nameof state) "The state has no data; collect steps before fitting a model."
        | Some data ->
            let draft = Draft state.Training
            fit.Load draft
            let frame = ModelFrame.ofData model.NormaliseTargets (numbers > observations) data
            let struct (report, key) = fit.Fit(data, frame, state.Training.Key)
            fit.Store draft
            let training = { draft.Onto state.Training with Key = key; Updates = state.Training.Updates + 1L }
            struct ({ state with Training = training; Frame = frame; Elites = report.Elites }, report)

    /// Collects steps with actions that are planned with the model: struct (the state that follows, the returns of
    /// episodes that ended).
    member _.Plan(count: int, state: ModelControlState) : struct (ModelControlState * float list) =
        Guard.positive (nameof count) count

        if state.Elites.Length = 0 then
            Guard.fail (nameof state) "The model was never fitted; fit it before planning with it."

        returns.Load(state.Frame, state.Elites, parametersOf state.Training.Parameters)
        let mutable planning = state.Planner |> Option.map _.Copy()

        let act isFirst key =
            let struct (own, key) = Rng.split key

            let present =
                match planning with
                | Some present when not isFirst -> present
                | _ ->
                    let struct (start, _) = Rng.split own
                    planner.Start start

            returns.Start(ReadOnlySpan observation, own)
            planner.Decide(present, returns)
            planner.FirstAction(present, ReadOnlySpan.Empty, Span action)
            planning <- Some present
            key

        let struct (next, ended, isOver) = steps count act state
        struct ({ next with Planner = (if isOver then None else planning) }, ended)

    /// The errors of the model's mean trajectories 1 … horizon steps ahead (`ModelErrors.byHorizon`).
    member _.Errors(horizon: int, episodes: RecordedEpisode list, state: ModelControlState) : float[] =
        let parameters = parametersOf state.Training.Parameters
        ModelErrors.byHorizon network state.Frame state.Elites parameters horizon episodes workers
