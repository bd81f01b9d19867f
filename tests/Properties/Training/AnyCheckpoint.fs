/// Random checkpoints whose contents fit together: spaces, networks, statistics, wrappers, replays and a state.
namespace Rl.Tests.Training

open System
open FsCheck.FSharp
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Wrappers
open Rl.Core.Training

/// A checkpoint with any contents that fit together.
type AnyCheckpoint = AnyCheckpoint of Checkpoint

[<FsCheck.Xunit.Properties(Replay = "(4719021,4719023)")>]
module private Generate =

    let text = Gen.elements [ ""; "ppo"; "CartPole-v1"; "naïve ∇θ"; "a=b;c\n\"d\""; String('x', 300) ]
    let pairs = Gen.zip text text |> Gen.listOf |> Gen.resize 5

    // Finite: a file with other numbers is refused.
    let number =
        Gen.oneof [ Gen.choose (-1000, 1000) |> Gen.map (fun n -> float n / 7.0); Gen.elements [ 0.0; 1e-300; -1e30 ] ]

    let floats size = Gen.arrayOfLength size number
    let singles size = floats size |> Gen.map (Array.map float32)

    let word =
        Gen.zip (Gen.choose (0, Int32.MaxValue)) (Gen.choose (0, Int32.MaxValue))
        |> Gen.map (fun (high, low) -> (uint64 high <<< 33) + uint64 low)

    let rng = Gen.zip word word |> Gen.map Rng

    let composite (part: Space) count start =
        Gen.elements
            [
                Space.multiDiscreteFrom [| start; 0 |] [| count; 3 |]
                Space.multiBinary [| count; 2 |]
                Space.tuple [ part; Space.discrete count; Space.tuple [ part ] ]
                Space.dict [ "naïve ∇θ", part; "inner", Space.dict [ "bits", Space.multiBinary [| 2 |] ] ]
            ]

    let space =
        gen {
            let! size = Gen.choose (1, 4)
            let! count = Gen.choose (1, 6)
            let! start = Gen.choose (-3, 3)

            let! part =
                Gen.elements
                    [ Space.unbounded [| size |]; Space.boxOf -2.5 3.5 [| size; 1 |]; Space.discreteFrom start count ]

            return! Gen.frequency [ 2, Gen.constant part; 1, composite part count start ]
        }

    let activation =
        Gen.elements
            [
                Activation.Identity
                Activation.Tanh
                Activation.Relu
                Activation.LeakyRelu 0.01
                Activation.Elu
                Activation.Gelu
                Activation.Silu
                Activation.Sigmoid
                Activation.Softplus
            ]

    let initialiser =
        Gen.elements
            [
                Initialiser.Constant 0.5
                Initialiser.Uniform(-1.0, 2.0)
                Initialiser.Normal(0.0, 3.0)
                Initialiser.Orthogonal 1.4
                Initialiser.XavierUniform 1.0
                Initialiser.XavierNormal 2.0
                Initialiser.KaimingUniform 1.0
                Initialiser.KaimingNormal 2.0
                Initialiser.TorchLinear 9
                Initialiser.Sparse 0.9
                Initialiser.UnitColumns
            ]

    let network (observations: Space) (actions: Space) =
        gen {
            let! activation = activation
            let! initialiser = initialiser
            let! hidden = Gen.listOfLength 2 (Gen.choose (1, 5))
            let! isShared = Gen.elements [ true; false ]
            let! normalised = Gen.elements [ true; false ]
            let! overBatches = Gen.elements [ None; Some NormalisationPlace.Inputs; Some NormalisationPlace.Hidden ]

            let! recurrence = Gen.elements [ None; Some RecurrentCell.Gru; Some RecurrentCell.Lstm ]

            let own =
                {
                    Branches = []
                    Layers =
                        [
                            LayerDesign.Dense(3, activation)
                            LayerDesign.LayerNormalisation
                            LayerDesign.Residual [ LayerDesign.Dense(3, activation) ]
                        ]
                }

            let! design =
                if NetworkDesign.hasText activation then
                    Gen.elements
                        [
                            NetworkDesign.Automatic
                            NetworkDesign.Shared own
                            (if recurrence.IsSome then
                                 NetworkDesign.Automatic
                             else
                                 NetworkDesign.Separate(own, own))
                        ]
                else
                    Gen.constant NetworkDesign.Automatic

            let! stateDependent = Gen.elements [ true; false ]

            let network =
                PolicyNetwork.create
                    {
                        Design = design
                        Hidden = hidden
                        Activation = activation
                        SharedTrunk = isShared
                        Convolutions = Convolutions.Automatic
                        Recurrence = recurrence
                        RecurrentUnits = 3
                        OrthogonalInitialisation = true
                        InitialLogStandardDeviation = -0.5
                        StateDependentExploration = stateDependent && actions.IsBox
                    }
                    observations
                    actions

            let! scaling = Gen.elements [ ActionScaling.Bounds; ActionScaling.None ]

            let actor = Policy.scaledActor scaling actions network.Actor

            return
                { actor with
                    Layers =
                        { actor.Layers with
                            HiddenWeight = initialiser
                            LayerNormalisation = normalised && not actor.Layers.Hidden.IsEmpty
                            BatchNormalisation =
                                overBatches
                                |> Option.map (fun _ ->
                                    { BatchRenormalisation.create actor.Layers.Inputs with WarmUp = 7 })
                            NormalisationPlace = defaultArg overBatches NormalisationPlace.Inputs
                        }
                }
        }

    let statistics size =
        gen {
            let! count = number |> Gen.map abs
            let! mean = floats size
            let! squared = floats size
            return { Count = count + 1.0; Mean = mean; SquaredDeviation = Array.map abs squared }
        }

    /// Every wrapper that a file can hold.
    let wrapping observations actions =
        let own name = UserFunction(name, None, None)

        let all =
            [
                Wrapper.TimeLimit 7
                Wrapper.RecordEpisodeStatistics
                Wrapper.NormalizeObservation 1e-8
                Wrapper.NormalizeReward(0.9, 1e-3)
                Wrapper.CountBonus(0.25, [| 3; 4 |])
                Wrapper.RandomNetworkDistillation(0.5, 1e-3, 4, -7)
                Wrapper.TransformObservation(UserFunction("naïve", Some(Space.unbounded [| 2 |]), None))
                Wrapper.TransformReward(own "r")
                Wrapper.TransformAction(own "")
                Wrapper.ClipAction
                Wrapper.ClipReward(-infinity, 0.5)
                Wrapper.RescaleAction([| -1.0 |], [| 1.0 |])
                Wrapper.RescaleObservation([| 0.0; 0.5 |], [| 1.0; 2.0 |])
                Wrapper.FrameStackObservation(3, FramePadding.Reset)
                Wrapper.FrameStackObservation(2, FramePadding.Zero)
                Wrapper.FrameStackObservation(2, FramePadding.Value [| 0.5f |])
                Wrapper.TimeAwareObservation(true, false)
                Wrapper.DelayObservation 2
                Wrapper.FlattenObservation
                Wrapper.FilterObservation [ "a"; "∇" ]
                Wrapper.ReshapeObservation [| 3; 12 |]
                Wrapper.GrayscaleObservation true
                Wrapper.ResizeObservation(2, 3)
                Wrapper.DiscretizeObservation([| 3; 4 |], true)
                Wrapper.DiscretizeAction([| 5 |], false)
                Wrapper.MaxAndSkipObservation 3
                Wrapper.RepeatAction 2
                Wrapper.StickyAction(0.3, 1, 3)
                Wrapper.RandomizeDynamics
                    { DynamicsRanges.none with
                        Mass = DynamicsRanges.range 0.5 1.5
                        ActionDelay = DynamicsRanges.range 0.0 2.0
                        Bodies = [ "a"; "∇" ]
                        ShowsPrivileged = true
                    }
                Wrapper.PassiveEnvironmentChecker
                Wrapper.NextStepAutoreset
            ]

        Gen.listOf (Gen.elements all)
        |> Gen.resize 6
        |> Gen.map (fun wrappers -> { Wrappers = wrappers; ObservationSpace = observations; ActionSpace = actions })

    /// Wrappers that fit any spaces and leave them as they are, with the sizes of the statistics of those that learn.
    let fittingWrapping (observations: Space) actions =
        let own name = UserFunction(name, None, None)

        let all =
            [
                Wrapper.TimeLimit 7, []
                Wrapper.RecordEpisodeStatistics, []
                Wrapper.NormalizeReward(0.9, 1e-3), [ 1 ]
                Wrapper.TransformReward(own "r"), []
                Wrapper.TransformAction(own ""), []
                Wrapper.ClipReward(-infinity, 0.5), []
                Wrapper.MaxAndSkipObservation 3, []
                Wrapper.RepeatAction 2, []
                Wrapper.StickyAction(0.3, 1, 3), []
                Wrapper.PassiveEnvironmentChecker, []
                Wrapper.NextStepAutoreset, []
            ]

        Gen.listOf (Gen.elements all)
        |> Gen.resize 6
        |> Gen.map (fun chosen ->
            { Wrappers = List.map fst chosen; ObservationSpace = observations; ActionSpace = actions },
            List.collect snd chosen)

    /// A replay that may have dropped rows.
    let replay copies =
        gen {
            let columns = [ Column.step "observations" 2; Column.number "rewards" ]
            let! rows = Gen.choose (0, 9)
            let! capacity = Gen.choose (1, 6)
            let! observations = singles (2 * rows)
            let! rewards = singles rows
            let data = List.zip columns [ observations; rewards ]
            let full = Replay.create columns copies capacity |> Replay.append data
            return! Gen.elements [ None; Some full ]
        }

    let private frozenBlock name first count : FrozenBlock = { Name = name; First = first; Count = count }

    let checkpoint =
        gen {
            let! observations = space
            let! actions = space
            let! network = network observations actions
            let! copies = Gen.choose (1, 4)
            // The last five belong to something that does not act.
            let! parameters = singles ((Actor.layout network).Count + 5)
            let! optimiser = Gen.choose (0, 9) |> Gen.bind singles
            let! observed = Gen.elements [ 0; Encoding.size observations ] |> Gen.bind statistics
            let! rewards = Gen.elements [ 0; 1 ] |> Gen.bind statistics
            let! returns = floats (if rewards.Size = 0 then 0 else copies)
            let! recurrent = singles (copies * network.StateSize)
            let! key = rng
            let! keys = Gen.arrayOfLength copies rng
            let! bytes = Gen.choose (0, 60) |> Gen.bind (fun size -> Gen.arrayOfLength size (Gen.choose (0, 255)))
            let! wrapping, learns = fittingWrapping observations actions
            let! learnt = learns |> List.map statistics |> Gen.sequenceToList
            // θ and arrays of the library's algorithms follow from their options; these are not.
            let! algorithm = text |> Gen.map (fun id -> if (Catalogue.tryFind id).IsSome then "own " + id else id)
            let! id = text
            let! seed = word
            let! configuration = pairs |> Gen.map (List.distinctBy fst)
            let! notes = pairs |> Gen.map (List.distinctBy fst)
            let! steps = word |> Gen.map (fun word -> word >>> 8)
            let! replay = replay copies
            let! frozen = Gen.elements [ []; [ frozenBlock "a" 0 2 ]; [ frozenBlock "" 1 1; frozenBlock "b/c" 3 2 ] ]

            return
                AnyCheckpoint
                    {
                        Algorithm = algorithm
                        EnvironmentId = id
                        Seed = seed
                        ObservationSpace = observations
                        ActionSpace = actions
                        Network = network
                        Options = configuration
                        Notes = notes
                        Wrapping = wrapping
                        State =
                            {
                                Steps = int64 steps
                                Updates = int64 (steps >>> 3)
                                Parameters = parameters
                                Arrays =
                                    [
                                        "optimiser/firstMoment", optimiser
                                        "multipliers", [| 1.5f; -2.0f |]
                                        if network.StateSize > 0 then ArrayNames.RecurrentStates, recurrent
                                    ]
                                Observations = observed
                                Rewards = rewards
                                DiscountedReturns = returns
                                Key = key
                                ActionKeys = keys
                                Replay = replay
                                Frozen = frozen
                                Environments =
                                    {
                                        EnvironmentId = id
                                        Count = copies
                                        Wrappers = wrapping.Wrappers |> List.map string
                                        Statistics = learnt
                                        Bytes = Array.map byte bytes
                                        Instances = []
                                    }
                            }
                    }
        }

type CheckpointArbitrary =
    static member Checkpoint() = Arb.fromGen Generate.checkpoint
