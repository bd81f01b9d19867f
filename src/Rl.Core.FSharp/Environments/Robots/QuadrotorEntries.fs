/// The registry's entries of the quadrotor.
namespace Rl.Core.Environments.Robots

open Rl.Core.Environments

[<RequireQualifiedAccess>]
module internal QuadrotorEntries =

    let private tolerance = Keyword.number "tolerance" 0.1 "how near to a place counts as reached, m"

    let private create id (waypoints: int) (values: RobotKeywords.Values) =
        RobotEnvironment.create (
            QuadrotorTask
                {
                    Settings = RunnerEntries.settings id "quadrotor" 2 500 nan View.Oblique 1.8 2
                    Waypoints = waypoints
                    Tolerance = Keyword.numberOf values "tolerance"
                }
        )

    let private hover: RegistryEntry =
        {
            Id = "QuadrotorHover-v0"
            Summary =
                "Bring a small quadrotor to a place in the air by the thrusts of its four rotors, and hover there."
            Keywords = [ tolerance ]
            Create = create "QuadrotorHover-v0" 1
        }

    let private waypoints: RegistryEntry =
        {
            Id = "QuadrotorWaypoints-v0"
            Summary = "Fly a small quadrotor through places in the air, one after the other, and hover at the last."
            Keywords = [ Keyword.number "waypoints" 4.0 "how many places, 2 to 5"; tolerance ]
            Create =
                fun values -> create "QuadrotorWaypoints-v0" (Keyword.wholeNumber values "waypoints" 2.0 5.0) values
        }

    /// Every environment of this family.
    let all: RegistryEntry list = [ hover; waypoints ]
