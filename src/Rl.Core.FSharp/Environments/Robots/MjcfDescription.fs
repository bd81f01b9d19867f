/// What an MJCF text says, before anything is derived from it.
namespace Rl.Core.Environments.Robots

/// A shape with what its body's mass needs.
type internal GeomDescription = { Geom: Geom; Density: float; GivenMass: float voption; Line: int }

type internal JointDescription =
    { Joint: Joint; Reference: float; SpringReference: float; Armature: float; Damping: float }

type internal BodyDescription =
    {
        Name: string
        /// The index of the parent in the list of bodies; -1 for the world.
        Parent: int
        Position: Vector3D
        Orientation: Quaternion
        /// The mass that is given instead of following from the shapes.
        Inertial: MassPart voption
        Joints: JointDescription list
        Geoms: GeomDescription list
        Sites: Site list
        Line: int
    }

/// A pair of geoms by names, with what it says itself.
type internal PairDescription =
    {
        Geom1: string
        Geom2: string
        PairDimension: int voption
        PairFriction: float voption
        PairMargin: float voption
        PairGap: float voption
        PairSoftness: Softness voption
        PairLine: int
    }

type internal ActuatorDescription = { Actuator: Actuator; JointName: string; ActuatorLine: int }

type internal TendonDescription = { TendonName: string; Terms: (string * float) list; TendonLine: int }

/// Whether bodies' masses follow from their shapes.
type internal InertiaSource =
    /// Where no `<inertial>` is given.
    | Auto
    | Always
    | Never

type internal RobotDescription =
    {
        ModelName: string
        Options: SimulationOptions
        InertiaSource: InertiaSource
        /// All masses are scaled to this sum; none if not positive.
        TotalMass: float
        HeightFields: HeightField list
        /// The world and the bodies, parents first.
        Bodies: BodyDescription list
        Actuators: ActuatorDescription list
        Tendons: TendonDescription list
        Pairs: PairDescription list
        Excludes: (string * string * int) list
    }
