/// The registry's entries of the tasks with goals.
namespace Rl.Core.Environments.Goals

open Rl.Core.Environments

[<RequireQualifiedAccess>]
module internal GoalEntries =

    let private bitFlipping =
        {
            Id = BitFlipping.V0.Id
            Summary = "Flip bits one at a time until they are those of the goal."
            Keywords =
                [
                    Keyword.number "bits" (float BitFlipping.V0.Bits) "how many bits, 1 to 64, and steps of an episode"
                    Keyword.text
                        "goal"
                        "random"
                        [ "random"; "ones" ]
                        "whether each episode draws its goal, or wants all ones"
                ]
            Create =
                fun values ->
                    AnyEnvironment.Pack(
                        BitFlipping
                            { BitFlipping.V0 with
                                Bits = Keyword.wholeNumber values "bits" 1.0 64.0
                                Goal =
                                    if Keyword.textOf values "goal" = "ones" then
                                        BitFlippingGoal.Ones
                                    else
                                        BitFlippingGoal.Random
                            }
                    )
        }

    let private pointReach =
        {
            Id = PointReach.V0.Id
            Summary = "Push a point mass to a goal and keep it there, for a reward at the goal alone."
            Keywords =
                [ Keyword.number "tolerance" PointReach.V0.Tolerance "how near to the goal counts as reached, m" ]
            Create =
                fun values ->
                    AnyEnvironment.Pack(
                        PointReach { PointReach.V0 with Tolerance = Keyword.numberOf values "tolerance" }
                    )
        }

    let private pointReachDense =
        {
            Id = PointReach.DenseV0.Id
            Summary = "Push a point mass to a goal and keep it there, for minus the distance."
            Keywords = []
            Create = fun _ -> AnyEnvironment.Pack(PointReach PointReach.DenseV0)
        }

    /// Every environment of this family.
    let all: RegistryEntry list = [ bitFlipping; pointReach; pointReachDense ]
