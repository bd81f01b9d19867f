/// Agent files whose contents cannot be: a file that loads, what is done to it, and a word of its refusal.
namespace Rl.Tests.Training

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Wrappers
open Rl.Core.Training

module CraftedFiles =

    let configuration =
        { PpoOptions.defaults with
            Network.Hidden = [ 4 ]
            Rollout.RolloutSteps = 4
            MinibatchSize = 8
            Epochs = 1
        }

    /// What a new agent for an environment of the library is saved as.
    let private saved (create: BatchEnvironment -> Workers -> Learner) (id: string) : Checkpoint =
        use workers = new Workers(1)
        let batch = (Registry.make id).Vectorise 2 |> Wrapper.apply [ Wrapper.RecordEpisodeStatistics ]
        use learner = create batch workers
        let state = learner.Initialise(Rng.create 5UL)

        {
            Algorithm = learner.Algorithm
            EnvironmentId = id
            Seed = 5UL
            ObservationSpace = batch.ObservationSpace
            ActionSpace = batch.ActionSpace
            Network = learner.Network
            Options = learner.Options
            Notes = [ "environment.kind", "registry" ]
            Wrapping = Wrapping.ofBatch batch
            State = state
        }

    let private checkpointOf change = saved (Ppo.create (change configuration))

    let cartPole = lazy checkpointOf id "CartPole-v1"
    let private pendulum = lazy checkpointOf id "Pendulum-v1"

    let private normalised =
        lazy
            checkpointOf
                (fun c ->
                    { c with Network.NormaliseObservations = true; Rollout.NormaliseRewards = true; KlPenalty = 0.5 })
                "Pendulum-v1"

    let recurrent =
        lazy
            checkpointOf
                (fun c -> { c with Recurrence = Some RecurrentCell.Gru; RecurrentUnits = 3; SequenceLength = 4 })
                "CartPole-v1"

    /// With layers of its own that are shared, in place of the hidden ones.
    let private designed =
        lazy
            checkpointOf
                (fun c ->
                    { c with
                        Network.Hidden = PpoOptions.defaults.Network.Hidden
                        Network.Network =
                            NetworkDesign.Shared
                                {
                                    Branches = []
                                    Layers = [ LayerDesign.Dense(4, Activation.Tanh); LayerDesign.LayerNormalisation ]
                                }
                    })
                "CartPole-v1"

    let private images = lazy checkpointOf id "MinAtar/Breakout-v1"

    let private quantiles =
        lazy
            saved
                (Iqn.create
                    { IqnOptions.defaults with
                        Values.OffPolicy.BufferSize = 200
                        Values.Network.Hidden = [ 4 ]
                        Cosines = 3
                        ChoiceQuantiles = 2
                    })
                "CartPole-v1"

    let private fractions =
        lazy
            saved
                (Fqf.create
                    { FqfOptions.defaults with
                        Values.OffPolicy.BufferSize = 200
                        Values.Network.Hidden = [ 4 ]
                        Cosines = 3
                        Fractions = 2
                    })
                "CartPole-v1"

    let withState change (checkpoint: Checkpoint) = { checkpoint with State = change checkpoint.State }

    let withNetwork change (checkpoint: Checkpoint) = { checkpoint with Network = change checkpoint.Network }

    let private withQuantiles (change: QuantileEmbedding -> QuantileEmbedding) =
        withNetwork (fun network -> { network with Quantiles = Option.map change network.Quantiles })

    let private withEncoder change =
        withNetwork (fun network ->
            { network with
                Features = { network.Features with Encoder = Option.map change network.Features.Encoder }
            })

    let private withGraph (change: LayerGraph -> LayerGraph) =
        withNetwork (fun network ->
            { network with
                Features = { network.Features with Graph = Option.map change network.Features.Graph }
            })

    let private withBranch (change: GraphBranch -> GraphBranch) =
        withGraph (fun graph -> { graph with Branches = List.map change graph.Branches })

    let private withHead head = withNetwork (fun network -> { network with Distribution = head })

    let private replace index value (values: 'T[]) =
        let copy = Array.copy values
        copy[index] <- value
        copy

    let private theta value = withState (fun state -> { state with Parameters = replace 3 value state.Parameters })

    let private snapshot change = withState (fun state -> { state with Environments = change state.Environments })

    let private wrapped wrappers (checkpoint: Checkpoint) =
        { checkpoint with Wrapping = { checkpoint.Wrapping with Wrappers = wrappers } }
        |> snapshot (fun environments -> { environments with Wrappers = List.map string wrappers })

    /// Some numbers less at the end of an array, or more.
    let private arrays name fewer =
        withState (fun state ->
            let change (values: float32[]) =
                Array.init (values.Length - fewer) (fun index -> values[index % values.Length])

            { state with
                Arrays =
                    state.Arrays
                    |> List.map (fun (known, values) -> known, (if known = name then change values else values))
            })

    let ones size : RunningStatistics =
        { Count = 3.0; Mean = Array.create size 1.0; SquaredDeviation = Array.create size 1.0 }

    /// What was done to a file, and a word of the refusal.
    let impossible: (string * string * Lazy<Checkpoint> * (Checkpoint -> Checkpoint)) list =
        let observations value = withState (fun state -> { state with Observations = value })
        let bad change = observations (change (ones 3))

        let format name sizes numbers parts : DistributionFormat =
            { Name = name; Sizes = sizes; Numbers = numbers; Parts = parts }

        let formatted format = withHead { CategoricalPolicy.create 2 with Format = format }
        let two = (CategoricalPolicy.create 2).Format
        let depth = List.fold (fun part _ -> format "joint" [] [] [ part ]) two [ 1..70 ]

        [
            "NaN in θ", "parameter 3", pendulum, theta nanf
            "a graph without branches", "branches", designed, withGraph (fun graph -> { graph with Branches = [] })
            "a branch of elements that are not there", "cannot be", designed, withBranch (fun b -> { b with First = 2 })
            "a branch of no elements", "cannot be", designed, withBranch (fun b -> { b with Shape = [| 0 |] })
            "a branch that overflows",
            "cannot be",
            designed,
            withBranch (fun b -> { b with Shape = [| 65_536; 65_536; 65_536 |] })
            "a branch times NaN", "scales a branch", designed, withBranch (fun b -> { b with Scale = nan })
            "two branches of one name",
            "already",
            designed,
            (fun checkpoint ->
                checkpoint
                |> withBranch (fun b ->
                    { b with Layers = [ GraphLayer.Dense(Dense.create 1.0 4 2, Activation.Tanh) ] })
                |> withGraph (fun graph -> { graph with Branches = graph.Branches @ graph.Branches; Layers = [] }))
            "layers that do not fit",
            "takes [4] and is given [5]",
            designed,
            withGraph (fun graph ->
                { graph with Inputs = 5; Branches = [ { graph.Branches.Head with Shape = [| 5 |] } ] })
            "a residual layer of another shape",
            "is residual",
            designed,
            withGraph (fun graph ->
                { graph with
                    Layers =
                        graph.Layers
                        @ [
                            GraphLayer.Residual
                                [ graph.Layers.Head; GraphLayer.Dense(Dense.create 1.0 4 3, Activation.Tanh) ]
                        ]
                })
            "residual layers without end",
            "16 deep",
            designed,
            withGraph (fun graph ->
                let nested = List.fold (fun layer _ -> GraphLayer.Residual [ layer ]) GraphLayer.Flatten [ 1..40 ]
                { graph with Layers = graph.Layers @ [ nested ] })
            "an activation that is not finite",
            "activation",
            designed,
            withGraph (fun graph ->
                { graph with Layers = [ GraphLayer.Dense(Dense.create 1.0 4 4, Activation.LeakyRelu nan) ] })
            "θ with a number too many",
            "parameters, and its options make",
            cartPole,
            withState (fun state -> { state with Parameters = Array.append state.Parameters [| 0.0f |] })
            "θ without the critic's last number",
            "parameters, and its options make",
            pendulum,
            withState (fun state -> { state with Parameters = state.Parameters[.. state.Parameters.Length - 2] })
            "a first moment cut short", "lengths that do not go together", cartPole, arrays "optimiser/firstMoment" 1
            "a second moment cut short", "lengths that do not go together", cartPole, arrays "optimiser/secondMoment" 3
            "an optimiser with two counts", "lengths that do not go together", cartPole, arrays "optimiser/count" -1
            "an optimiser of more than there is to learn",
            "lengths that do not go together",
            cartPole,
            fun checkpoint -> checkpoint |> arrays "optimiser/firstMoment" -1 |> arrays "optimiser/secondMoment" -1
            "infinity in θ", "parameter 3", cartPole, theta infinityf
            "NaN mean", "squared deviation", normalised, bad (fun s -> { s with Mean = replace 1 nan s.Mean })
            "negative variance",
            "squared deviation",
            normalised,
            bad (fun s -> { s with SquaredDeviation = replace 1 -1.0 s.SquaredDeviation })
            "infinite count", "vectors", normalised, bad (fun s -> { s with Count = infinity })
            "statistics of another size", "components", normalised, observations (ones 5)
            "reward statistics of size 5",
            "rewards have 5",
            normalised,
            withState (fun state -> { state with Rewards = ones 5 })
            "no discounted returns",
            "0 discounted returns",
            normalised,
            withState (fun state -> { state with DiscountedReturns = [||] })
            "discounted returns of nothing",
            "2 discounted returns",
            cartPole,
            withState (fun state -> { state with DiscountedReturns = [| 0.0; 0.0 |] })
            "NaN returns",
            "discounted return",
            normalised,
            withState (fun state -> { state with DiscountedReturns = [| 0.0; nan |] })
            "NaN in the optimiser",
            "optimiser",
            cartPole,
            withState (fun state ->
                { state with
                    Arrays =
                        state.Arrays
                        |> List.map (fun (name, values) ->
                            name, (if name.Contains '/' then replace 0 nanf values else values))
                })
            "steps -1", "steps are -1", cartPole, withState (fun state -> { state with Steps = -1L })
            "steps 2^63-1", "steps are", cartPole, withState (fun state -> { state with Steps = Int64.MaxValue })
            "updates -7", "updates are -7", cartPole, withState (fun state -> { state with Updates = -7L })
            "extras twice",
            "\"klPenalty\" twice",
            normalised,
            withState (fun state ->
                { state with Arrays = state.Arrays @ [ "klPenalty", [| 1.0f |]; "klPenalty", [| 1.0f |] ] })
            "NaN extra",
            "klPenalty",
            normalised,
            withState (fun state -> { state with Arrays = [ "klPenalty", [| nanf |] ] })
            "no recurrent states", "recurrent states", recurrent, withState (fun state -> { state with Arrays = [] })
            "recurrent states of nothing",
            "recurrent states",
            cartPole,
            withState (fun state -> { state with Arrays = [ "recurrentStates", [| 0.0f |] ] })
            "notes twice", "note \"environment.kind\" twice", cartPole, (fun c -> { c with Notes = c.Notes @ c.Notes })
            "options twice", "twice", cartPole, (fun c -> { c with Options = c.Options @ c.Options })
            "normal of integers", "does not fit", cartPole, withHead (DiagonalNormalPolicy.stateDependent 1)
            "bits of an integer", "does not fit", cartPole, withHead (BernoulliPolicy.create 2)
            "9 choices of 2", "does not fit", cartPole, withHead (CategoricalPolicy.create 9)
            "negative choices", "sizes", cartPole, formatted (format "multiCategorical" [ -5; 7 ] [] [])
            "overflowing choices",
            "sizes",
            cartPole,
            formatted (format "multiCategorical" [ Int32.MaxValue; Int32.MaxValue ] [] [])
            "an unknown policy", "sideways", cartPole, formatted (format "sideways" [ 2 ] [] [])
            "a policy without its sizes", "policy", cartPole, formatted (format "categorical" [] [] [])
            "heads in heads", "65 deep", cartPole, formatted depth
            "NaN deviation", "numbers", pendulum, formatted (format "diagonalNormal" [ 1 ] [ nan ] [])
            "actor of another input",
            "reads 3 numbers",
            cartPole,
            withNetwork (fun network -> { network with Layers.Inputs = 3 })
            "NaN slope",
            "slope",
            cartPole,
            withNetwork (fun network -> { network with Layers.Activation = Activation.LeakyRelu nan })
            "NaN scale", "scale", images, withEncoder (fun encoder -> { encoder with Scale = nan })
            "an embedding of other features",
            "embedding of quantiles",
            quantiles,
            withQuantiles (fun embedding -> { embedding with Features = 3 })
            "a billion levels", "levels", quantiles, withQuantiles (fun e -> { e with Levels = 16_000_000 })
            "a proposal of other features",
            "proposal of fractions",
            fractions,
            withNetwork (fun network ->
                { network with Fractions = network.Fractions |> Option.map (fun own -> { own with Features = 3 }) })
            "fractions of other levels", "2 fractions", fractions, withQuantiles (fun e -> { e with Levels = 3 })
            "a single fraction",
            "1 fractions",
            fractions,
            withNetwork (fun network ->
                { network with
                    Fractions = network.Fractions |> Option.map (fun own -> { own with Count = 1 })
                    Quantiles = network.Quantiles |> Option.map (fun own -> { own with Levels = 1 })
                })
            "fractions without quantiles", "kind 4", fractions, withNetwork (fun n -> { n with Quantiles = None })
            "no cosines", "width 0", quantiles, withQuantiles (fun e -> { e with Cosines = 0 })
            "NaN slope of quantiles",
            "slope",
            quantiles,
            withQuantiles (fun embedding -> { embedding with Activation = Activation.LeakyRelu nan })
            "overflowing image",
            "images",
            images,
            withEncoder (fun encoder -> { encoder with Image = [| 4; 65_536; 65_536 |] })
            "huge padding",
            "padding",
            images,
            withEncoder (fun encoder ->
                { encoder with
                    Stack.Layers = encoder.Stack.Layers |> List.map (fun layer -> { layer with Padding = 30_000 })
                })
            "a million copies",
            "copies",
            cartPole,
            fun c ->
                c
                |> withState (fun state -> { state with ActionKeys = Array.create 1_000_000 (Rng.create 0UL) })
                |> snapshot (fun environments -> { environments with Count = 1_000_000 })
            "other spaces below the wrappers",
            "policy observes",
            cartPole,
            (fun c -> { c with Wrapping = { c.Wrapping with ObservationSpace = Space.unbounded [| 7 |] } })
            "huge spaces below the wrappers",
            "elements",
            cartPole,
            (fun c ->
                { c with Wrapping = { c.Wrapping with ActionSpace = Space.multiBinary [| Int32.MaxValue - 57 |] } })
            "statistics of no wrapper",
            "statistics of wrappers",
            cartPole,
            snapshot (fun environments -> { environments with Statistics = [ ones 4 ] })
            "a wrapper that does not fit",
            "do not fit",
            cartPole,
            wrapped [ Wrapper.RescaleAction([| 0.0 |], [| 1.0 |]) ]
            "a wrapper out of range",
            "do not fit",
            cartPole,
            wrapped [ Wrapper.FrameStackObservation(0, FramePadding.Zero) ]
            "300 wrappers", "300 wrappers", cartPole, wrapped (List.replicate 300 (Wrapper.ClipReward(-1.0, 1.0)))
            "200,000 wrappers", "wrappers", cartPole, wrapped (List.replicate 200_000 (Wrapper.ClipReward(-1.0, 1.0)))
            "10^7 frames", "bytes", cartPole, wrapped [ Wrapper.FrameStackObservation(10_000_000, FramePadding.Zero) ]
            "a delay of 10^7", "bytes", cartPole, wrapped [ Wrapper.DelayObservation 10_000_000 ]
            "a predictor of 4,096 units",
            "bytes",
            cartPole,
            wrapped [ Wrapper.RandomNetworkDistillation(1.0, 1e-3, 4096, 1) ]
            "2^26 frames",
            "bytes",
            cartPole,
            wrapped [ for _ in 1..26 -> Wrapper.FrameStackObservation(2, FramePadding.Zero) ]
            "a huge image",
            "bytes",
            images,
            wrapped [ Wrapper.RescaleObservation([| 0.0 |], [| 1.0 |]); Wrapper.ResizeObservation(10_000, 10_000) ]
        ]
