/// The networks of learners of action values: made for spaces, with noise where that is asked for, and what updates
/// read of them.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// Samples of the noise of a network, in memory of its own.
[<Sealed>]
type internal NoiseSample(network: NoisyNetwork) =
    let normals = Array.zeroCreate<float> network.Normals
    let wide = Array.zeroCreate<float> network.Count
    let values = Array.zeroCreate<float32> network.Count

    /// The last sample [Count].
    member _.Values: ReadOnlySpan<float32> = ReadOnlySpan values

    /// Draws another; the generator that follows.
    member _.Draw(rng: Rng) : Rng =
        let mutable rng = rng

        for index in 0 .. normals.Length - 1 do
            let struct (drawn, next) = Rng.normal rng
            normals[index] <- drawn
            rng <- next

        network.Spread(ReadOnlySpan normals, Span wide)

        for index in 0 .. values.Length - 1 do
            values[index] <- float32 wide[index]

        rng

/// Networks of action values that act greedily, whatever is learned of an action.
[<RequireQualifiedAccess>]
module ValueNetwork =

    /// The groups of parameters of an update.
    [<Literal>]
    let internal Online = "network"

    [<Literal>]
    let internal Target = "target"

    /// What a network proposes fractions by, where it does.
    [<Literal>]
    let internal Proposal = "fractions"

    let internal onlineNoise count = Column.shared "noise" count
    let internal targetNoise count = Column.shared "targetNoise" count

    /// The network with the noise of its options, if there is any.
    let noisy (values: ValueOptions) (network: Actor) : NoisyNetwork option =
        match values.NoisyNetworks with
        | NoisyNetworks.Off -> None
        | NoisyNetworks.Factorised ->
            Some(NoisyNetwork(ParameterNoise.Factorised, values.NoiseDeviation, Actor.layout network))
        | NoisyNetworks.Independent ->
            Some(NoisyNetwork(ParameterNoise.Independent, values.NoiseDeviation, Actor.layout network))

    /// The layout of θ: the network's, with that of its deviations after it where it is noisy.
    let layout (values: ValueOptions) (network: Actor) : Layout =
        match noisy values network with
        | Some noisy -> noisy.Layout
        | None -> Actor.layout network

    /// The layout of what learns values and has a target that follows it: all of θ but the proposal of fractions.
    let internal valueLayout values (network: Actor) : Layout = layout values { network with Fractions = None }

    /// How many choices each component of an action has, where all are choices: one of a Discrete space, those of a
    /// MultiDiscrete one, and two for each bit of a MultiBinary one.
    let components (actions: Space) : int list option =
        match actions with
        | Space.Discrete(count, _) -> Some [ count ]
        | Space.MultiDiscrete(counts, _) -> Some(List.ofArray counts)
        | Space.MultiBinary _ -> Some(List.replicate actions.Size 2)
        | Space.Box _
        | Space.Tuple _
        | Space.Dict _ -> None

    /// The network of an algorithm that acts by a distribution over components of so many choices each; fails where an
    /// action is anything else.
    let branches
        (algorithm: string)
        (values: ValueOptions)
        (distribution: int list -> ActionDistribution)
        (observations: Space)
        (actions: Space)
        : Actor =
        match components actions with
        | Some counts ->
            let layers = values.Network
            let own = NetworkDesign.only layers.Network

            PolicyNetwork.valuesOf
                own
                values.Convolutions
                layers.Activation
                layers.Hidden
                observations
                (distribution counts)
        | None ->
            Guard.fail
                "environment"
                ($"{algorithm} compares the values of a few choices, so it needs a Discrete, MultiDiscrete or "
                 + $"MultiBinary action space; the actions are {actions}. ppo, a2c, trpo and cem take any action "
                 + "space.")

    /// The network of an algorithm that acts by a distribution over so many actions; fails where an action is not one
    /// choice.
    let network
        (algorithm: string)
        (values: ValueOptions)
        (distribution: int -> ActionDistribution)
        (observations: Space)
        (actions: Space)
        : Actor =
        match actions with
        | Space.Discrete _ -> branches algorithm values (List.exactlyOne >> distribution) observations actions
        | _ ->
            Guard.fail
                "environment"
                ($"{algorithm} compares the values of a few actions, so it needs a Discrete action space; "
                 + $"the actions are {actions}. dqn takes several choices at once; ppo, a2c, trpo and cem take any "
                 + "action space.")

    /// The network's parameters that learn, and those of the target network, each with its noise where it is noisy.
    let parameters (values: ValueOptions) (network: Actor) (batch: Batch) : struct (Parameters * Parameters) =
        let online, target = batch.Parameters Online, batch.Parameters Target

        match noisy values network with
        | Some noisy ->
            struct (noisy.Parameters(online, batch[onlineNoise noisy.Count]),
                    noisy.Parameters(target, batch[targetNoise noisy.Count]))
        | None when network.Fractions.IsSome -> struct (Parameters.beside (batch.Parameters Proposal) online, target)
        | None -> struct (online, target)

    /// Action values [rows, choices] without those of impossible choices, for each component of an action.
    let possibleBranches (masks: Expr option) (values: Expr list) : Expr list =
        match masks with
        | Some masks ->
            let masks = Heads.split [ for q in values -> q.Shape[q.Rank - 1] ] masks
            List.map2 (fun mask q -> Expr.select mask q (Expr.number ActionDistribution.Never)) masks values
        | None -> values

    /// Action values [rows, actions] at s′ without those of impossible actions.
    let possible (mask: Column option) (batch: Batch) (values: Expr) : Expr =
        possibleBranches (mask |> Option.map (fun mask -> batch[mask])) [ values ] |> List.exactlyOne
