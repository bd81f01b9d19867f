/// The random instances that theorems are tested on: small decision processes of every shape with softmax policies,
/// which FsCheck generates and shrinks.
namespace Rl.Tests.Theorems

open FsCheck
open FsCheck.FSharp
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Tabular

/// The shapes of `Generators`.
type Shape =
    | Dense
    | Sparse
    | Chain
    | Grid
    | Bandit
    | Absorbing
    | Periodic

/// What an instance is made from; everything in it follows from these numbers.
type Instance = { Seed: uint64; Shape: Shape; States: int; Actions: int; Horizon: int; Discount: float }

/// An instance whose discount is below 1, for what has no horizon.
type DiscountedInstance = DiscountedInstance of Instance

[<RequireQualifiedAccess>]
module Instance =

    let private seed (instance: Instance) stream =
        let struct (streams, _) = Rng.splitMany (stream + 1) (Rng.create instance.Seed)
        streams[stream]

    /// The process.
    let mdp (instance: Instance) : Mdp =
        let rng = seed instance 0
        let states, actions, discount = instance.States, instance.Actions, instance.Discount

        let struct (mdp, _) =
            match instance.Shape with
            | Dense -> Generators.dense states actions discount rng
            | Sparse -> Generators.sparse states actions (min 2 states) discount rng
            | Chain -> Generators.chain (states + 1) 0.2 discount rng
            | Grid -> Generators.grid 2 states 0.3 discount rng
            | Bandit -> Generators.bandit actions rng
            | Absorbing -> Generators.absorbing (states + 1) actions 0.2 discount rng
            | Periodic -> Generators.periodic states actions discount rng

        Mdp.withDiscount discount mdp

    let private randomPolicy stream instance =
        let mdp = mdp instance
        let struct (policy, logits, _) = TabularPolicy.random 1.0 mdp.States mdp.Actions (seed instance stream)
        struct (policy, logits)

    /// A softmax policy π and its parameters θ [S, A].
    let policy (instance: Instance) = randomPolicy 1 instance
    /// Another softmax policy: that of the data, or the old one.
    let other (instance: Instance) = randomPolicy 2 instance

    /// Normal numbers of a stream that is neither the process's nor the policies'.
    let normals (stream: int) (count: int) (instance: Instance) : float[] =
        let mutable rng = seed instance (3 + stream)

        Array.init count (fun _ ->
            let struct (value, next) = Rng.normal rng
            rng <- next
            value)

    /// A uniform number of such a stream.
    let uniform (stream: int) (instance: Instance) : float =
        let struct (value, _) = Rng.uniform (seed instance (3 + stream))
        value

/// How FsCheck makes and shrinks instances.
type Instances =

    static member private Shapes = [ Dense; Sparse; Chain; Grid; Bandit; Absorbing; Periodic ]

    static member private Generator(discounts: float list) =
        gen {
            let! seed = Gen.choose (0, System.Int32.MaxValue)
            let! shape = Gen.elements Instances.Shapes
            let! states = Gen.choose (1, (if shape = Grid then 2 else 3))
            let! actions = Gen.choose (1, 3)
            let! horizon = Gen.choose (1, (if shape = Grid then 2 else 3))
            let! discount = Gen.elements discounts

            return
                {
                    Seed = uint64 seed
                    Shape = shape
                    States = states
                    Actions = actions
                    Horizon = horizon
                    Discount = discount
                }
        }

    static member private Shrink(instance: Instance) =
        seq {
            if instance.Shape <> Bandit then yield { instance with Shape = Bandit }

            if instance.Horizon > 1 then
                yield { instance with Horizon = instance.Horizon - 1 }

            if instance.States > 1 then yield { instance with States = instance.States - 1 }

            if instance.Actions > 1 then
                yield { instance with Actions = instance.Actions - 1 }

            if instance.Seed > 0UL then yield { instance with Seed = instance.Seed / 2UL }
        }

    static member Instance() = Arb.fromGenShrink (Instances.Generator [ 0.0; 0.5; 0.9; 1.0 ], Instances.Shrink)

    static member DiscountedInstance() =
        Arb.fromGenShrink (
            Instances.Generator [ 0.0; 0.5; 0.9; 0.99 ] |> Gen.map DiscountedInstance,
            fun (DiscountedInstance instance) -> Instances.Shrink instance |> Seq.map DiscountedInstance
        )

/// A property over instances.
type Theorem() =
    inherit PropertyAttribute(Arbitrary = [| typeof<Instances> |], MaxTest = 100, Replay = "(20011,30011)")

/// Exact expectations over all trajectories of an instance.
[<RequireQualifiedAccess>]
module Expect =

    /// The largest |a − b| relative to 1 + the largest |a|.
    let distance (expected: float[]) (actual: float[]) : float =
        if expected.Length <> actual.Length then
            infinity
        else
            let scale = 1.0 + (expected |> Array.fold (fun most value -> max most (abs value)) 0.0)

            Array.fold2
                (fun most (a: float) b ->
                    if System.Double.IsNaN(a - b) then infinity else max most (abs (a - b) / scale))
                0.0
                expected
                actual

    /// Fails unless the two agree to `tolerance`.
    let close (tolerance: float) (what: string) (expected: float[]) (actual: float[]) : unit =
        let difference = distance expected actual

        if not (difference <= tolerance) then
            failwith $"{what}: %A{actual} instead of %A{expected} (difference {difference})."

    /// `close` for one number.
    let closeNumber tolerance what (expected: float) (actual: float) = close tolerance what [| expected |] [| actual |]
