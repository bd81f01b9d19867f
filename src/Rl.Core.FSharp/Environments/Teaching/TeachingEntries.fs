/// The registry's entries of the small tasks for tests and teaching.
namespace Rl.Core.Environments.Teaching

open System
open Rl.Core.Foundations
open Rl.Core.Environments

[<RequireQualifiedAccess>]
module internal TeachingEntries =

    let private simple id summary create = { Id = id; Summary = summary; Keywords = []; Create = fun _ -> create id }

    let private bandit =
        {
            Id = "Bandit-v0"
            Summary = "Pull the arm that pays best."
            Keywords =
                [
                    Keyword.number "arms" 10.0 "how many arms"
                    Keyword.number "noise" 1.0 "the standard deviation of a reward around its arm's mean"
                    Keyword.number "problem" 0.0 "which means, drawn from a standard normal distribution"
                ]
            Create =
                fun values ->
                    AnyEnvironment.Pack(
                        Bandit.Testbed(
                            "Bandit-v0",
                            Keyword.wholeNumber values "arms" 1.0 1000.0,
                            Keyword.numberOf values "noise",
                            uint64 (Keyword.wholeNumber values "problem" 0.0 1e9)
                        )
                    )
        }

    let private chain =
        {
            Id = "Chain-v0"
            Summary = "Walk on along a chain for a large reward, past a small one for turning back."
            Keywords = [ Keyword.number "slip" 0.2 "how often an action has the effect of the other" ]
            Create =
                fun values ->
                    AnyEnvironment.Pack(TextbookEnvironments.chain "Chain-v0" (Keyword.numberOf values "slip"))
        }

    let private gridWorld =
        {
            Id = "GridWorld-v0"
            Summary = "Walk to one of two corners in as few steps as possible."
            Keywords = [ Keyword.number "height" 4.0 "rows"; Keyword.number "width" 4.0 "columns" ]
            Create =
                fun values ->
                    AnyEnvironment.Pack(
                        TextbookEnvironments.gridWorld
                            "GridWorld-v0"
                            (Keyword.wholeNumber values "height" 1.0 100.0)
                            (Keyword.wholeNumber values "width" 1.0 100.0)
                    )
        }

    let private regulator =
        let v0 = LinearQuadraticRegulator.V0

        {
            Id = v0.Id
            Summary = "Bring a mass to rest with little force; the best gain is known."
            Keywords = [ Keyword.number "noise" v0.Noise "the standard deviation of the velocity's disturbance, m/s" ]
            Create =
                fun values ->
                    AnyEnvironment.Pack(LinearQuadraticRegulator { v0 with Noise = Keyword.numberOf values "noise" })
        }

    /// Every environment of this family.
    let all: RegistryEntry list =
        [
            bandit
            chain
            gridWorld
            regulator
            simple "RiverSwim-v0" "Swim up a river against the current, without end." (fun id ->
                AnyEnvironment.Pack(TextbookEnvironments.riverSwim id))
            {
                Id = "AccessControl-v0"
                Summary = "Accept or reject customers of a queue before ten servers, without end."
                Keywords = [ Keyword.actionMasks ]
                Create =
                    fun values ->
                        AnyEnvironment.Pack(
                            TextbookEnvironments.accessControl "AccessControl-v0" (Keyword.hasActionMasks values)
                        )
            }
            simple
                "Baird-v0"
                "Baird's counterexample to off-policy learning, seen by its features, without end."
                (fun id -> AnyEnvironment.Pack(TextbookEnvironments.baird id))
            simple
                CartPoleHiddenVelocity.V1.Id
                "Keep a pole upright on a cart without seeing how fast they move."
                (fun _ -> AnyEnvironment.Pack(CartPoleHiddenVelocity CartPoleHiddenVelocity.V1))
            simple "IdentityDiscrete-v0" "Choose the one of four that is shown." (fun id ->
                AnyEnvironment.Pack(Identity(id, Space.discrete 4, 95.0)))
            simple "IdentityDiscreteFrom-v0" "Choose the one of 3, 4, 5 and 6 that is shown." (fun id ->
                AnyEnvironment.Pack(Identity(id, Space.discreteFrom 3 4, 95.0)))
            simple "IdentityMultiDiscrete-v0" "Repeat the three integers that are shown." (fun id ->
                AnyEnvironment.Pack(Identity(id, Space.multiDiscrete [| 3; 4; 2 |], 95.0)))
            simple "IdentityMultiBinary-v0" "Repeat the four bits that are shown." (fun id ->
                AnyEnvironment.Pack(Identity(id, Space.multiBinary [| 4 |], 95.0)))
            simple "IdentityBox-v0" "Repeat the two numbers that are shown." (fun id ->
                AnyEnvironment.Pack(Identity(id, Space.boxOf -1.0 1.0 [| 2 |], -5.0)))
            simple "IdentityTuple-v0" "Repeat the integer and the two bits that are shown." (fun id ->
                AnyEnvironment.Pack(
                    Identity(id, Space.tuple [ Space.discreteFrom 1 3; Space.multiBinary [| 2 |] ], 95.0)
                ))
            simple "IdentityDict-v0" "Repeat the integer and the number that are shown, by their names." (fun id ->
                AnyEnvironment.Pack(
                    Identity(
                        id,
                        Space.dict [ "choice", Space.discrete 3; "amount", Space.boxOf -1.0 1.0 [| 1 |] ],
                        45.0
                    )
                ))
        ]
